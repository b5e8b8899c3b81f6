import { benchDevice, CREDENTIALS, deviceIdOf, statePathOf } from '../devices.js';
import { type WithShare, withOwnShare } from '../measure/own-share.js';
import { serveParent } from '../processes/parent-link.js';
import { HttpConnection } from './http-connection.js';
import { type Latency, latencyHistogram, latencyOf, observe } from './latency.js';
import { SMALL_STATE } from './state-bodies.js';

export interface LoginLoad {
  readonly port: number;
  readonly devices: number;
  /** So many come up at a time; the others follow as these are done. */
  readonly atOnce: number;
}

export interface LoginResult {
  /** By device, whether its first state was acknowledged: 1 or 0. */
  readonly acknowledged: Uint32Array;
  /** From the start of the storm to the last answer. */
  readonly seconds: number;
  /** From the start of the storm to the device's first acknowledged state. */
  readonly latency: Latency;
}

const WITHIN_MS = 60_000;

/** Devices connect, log in, and send a state with the token they got; all at once when power is back. */
serveParent<LoginLoad, WithShare<LoginResult>>({ start: (load) => withOwnShare(() => storm(load)) });

async function storm({ port, devices, atOnce }: LoginLoad): Promise<LoginResult> {
  const acknowledged = new Uint32Array(devices);
  const latencies = latencyHistogram();
  const startMs = performance.now();
  const overdue = new Promise<void>((resolve) => setTimeout(resolve, WITHIN_MS).unref());
  const comeUp = async (device: number) => {
    if (!(await firstState(port, device))) return;
    acknowledged[device] = 1;
    observe(latencies, performance.now() - startMs);
  };
  let next = 0;
  const comeUpInTurn = async () => {
    while (next < devices) await comeUp(next++);
  };
  await Promise.race([overdue, Promise.all(Array.from({ length: atOnce }, comeUpInTurn))]);
  return { acknowledged, seconds: (performance.now() - startMs) / 1000, latency: latencyOf(latencies) };
}

/** @returns whether the state was acknowledged */
async function firstState(port: number, device: number): Promise<boolean> {
  const deviceId = deviceIdOf(device);
  try {
    const connection = await HttpConnection.open(port, () => {});
    const login = await call(connection, '/auth/device', JSON.stringify({ deviceId, ...CREDENTIALS }));
    const token = login.status === 200 ? (JSON.parse(login.body) as { token: string }).token : '';
    if (token !== benchDevice(device).token) return false;
    const state = await call(connection, statePathOf(deviceId), SMALL_STATE, `Authorization: Bearer ${token}\r\n`);
    connection.close();
    return state.status === 200;
  } catch {
    return false;
  }
}

function call(
  connection: HttpConnection,
  path: string,
  body: string,
  headers = '',
): Promise<{ status: number; body: string }> {
  const head = `POST ${path} HTTP/1.1\r\nHost: proxy\r\nContent-Type: application/json\r\n${headers}`;
  return new Promise((resolve) => {
    connection.send(Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n${body}`), (status, answer) =>
      resolve({ status, body: answer.toString() }),
    );
  });
}
