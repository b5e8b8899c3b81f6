import { expecting } from '../account.js';
import { benchDevice, CREDENTIALS, deviceIdOf, statePathOf } from '../devices.js';
import { HttpConnection } from './http-connection.js';
import { latencyHistogram, observe, percentiles } from './latency.js';
import type { LoadResult, Target } from './load-result.js';
import { SMALL_STATE } from './state-bodies.js';

/** Devices connect, log in, and send a state with the token they got; all at once when power is back. */
export interface LoginLoad {
  readonly kind: 'login';
  readonly devices: number;
  /** So many come up at a time, if not all; the others follow as these are done. */
  readonly atOnce?: number;
}

const WITHIN_MS = 60_000;

/** Puts the load on a server; latencies are from the start of the storm to the device's first acknowledged state. */
export async function runLogin({ devices, atOnce = devices }: LoginLoad, { port }: Target): Promise<LoadResult> {
  const acknowledged = new Uint32Array(devices);
  const latencies = latencyHistogram();
  const startMs = performance.now();
  const overdue = new Promise<void>((resolve) => setTimeout(resolve, WITHIN_MS).unref());
  let next = 0;
  const comeUpInTurn = async () => {
    while (next < devices) {
      const device = next++;
      if (!(await firstState(port, device))) continue;
      acknowledged[device] = 1;
      observe(latencies, performance.now() - startMs);
    }
  };
  await Promise.race([overdue, Promise.all(Array.from({ length: atOnce }, comeUpInTurn))]);
  const seconds = (performance.now() - startMs) / 1000;
  const up = latencies.totalCount;
  const sent = new Uint32Array(devices).fill(1);
  return {
    ...expecting(acknowledged, sent),
    refused: 0,
    unanswered: devices - up,
    figures: { 'log-ins a second': up / seconds, 'time until all are up': seconds, ...percentiles(latencies) },
    doubts: [],
  };
}

/** @returns whether the state was acknowledged */
async function firstState(port: number, device: number): Promise<boolean> {
  const deviceId = deviceIdOf(device);
  try {
    const connection = await HttpConnection.open(port, () => {});
    const login = await post(connection, '/auth/device', JSON.stringify({ deviceId, ...CREDENTIALS }));
    const token = login.status === 200 ? (JSON.parse(login.body) as { token: string }).token : '';
    if (token !== benchDevice(device).token) return false;
    const state = await post(connection, statePathOf(deviceId), SMALL_STATE, `Authorization: Bearer ${token}\r\n`);
    connection.close();
    return state.status === 200;
  } catch {
    return false;
  }
}

function post(connection: HttpConnection, path: string, body: string, fields = '') {
  const head = `POST ${path} HTTP/1.1\r\nHost: proxy\r\nContent-Type: application/json\r\n${fields}`;
  const request = Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  return new Promise<{ status: number; body: string }>((resolve) => {
    connection.send(request, (status, answer) => resolve({ status, body: answer.toString() }));
  });
}
