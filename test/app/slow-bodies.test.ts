import { setTimeout as pause } from 'node:timers/promises';
import { describe, test } from 'vitest';
import type { PlannedDevice } from '../../src/simulator/fleet-plan.js';
import { logIn, openSite, type Site, statePath, untilHeld } from '../helpers/bench-site.js';
import { sendThenRead } from '../helpers/half-duplex.js';
import { openPassingSite } from '../helpers/passing-site.js';
import { RawConnection } from '../helpers/raw-connection.js';
import { expect } from '../helpers/test-scope.js';

const portOf = (site: Site): number => Number(new URL(site.proxy.url).port);

/** A state of so many bytes or a few more, as JSON. */
function stateOf(bytes: number): string {
  const attributes = Math.ceil(bytes / 60_000);
  const data: Record<string, string> = {};
  for (let i = 0; i < attributes; i++) data[`a${i}`] = 'x'.repeat(Math.ceil(bytes / attributes));
  return JSON.stringify({ data });
}

function chunked(body: string, pieceBytes: number): string {
  let text = '';
  for (let at = 0; at < body.length; at += pieceBytes) {
    const piece = body.slice(at, at + pieceBytes);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}

describe.concurrent('a body that makes progress is taken, whatever its pace', () => {
  test('states, log-ins and passed calls, sized and in chunks', async () => {
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const auth = `Authorization: Bearer ${await logIn(site, device)}`;
    const credentials = JSON.stringify({ deviceId: device.deviceId, ...device.credentials });
    const login = credentials.replace('{', `{${' '.repeat(6000)}`);
    const passing = await openPassingSite({ answer: (request, response) => response.end(String(request.body.length)) });
    const post = (path: string, framing: string): string =>
      [`POST ${path} HTTP/1.1`, 'Host: a', auth, 'Content-Type: application/json', framing, ''].join('\r\n');
    const sized = (path: string, body: string): { head: string; body: string } => ({
      head: post(path, `Content-Length: ${body.length}`),
      body,
    });
    const inChunks = (path: string, body: string): { head: string; body: string } => ({
      head: post(path, 'Transfer-Encoding: chunked'),
      body: chunked(body, 700),
    });
    const [fast, small] = [stateOf(200_000), stateOf(30_000)];
    const sent: [port: number, request: { head: string; body: string }, bytesPerSecond: number][] = [
      [portOf(site), sized(statePath(device), fast), 8192],
      [portOf(site), sized(statePath(device), small), 1536],
      [portOf(site), inChunks(statePath(device), small), 2048],
      [portOf(site), sized('/auth/device', login), 400],
      [passing.port, sized('/files', small), 1536],
      [passing.port, inChunks('/files', small), 2048],
    ];
    const answers = await Promise.all(
      sent.map(([port, request, bytesPerSecond]) => sendThenRead(port, { ...request, bytesPerSecond })),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(answers[4]?.body).toContain(String(small.length));
    await untilHeld(site, device, ({ records }) => records.length === 3);
  }, 180_000);

  test('that is ended by 10 s in which nothing comes, with 408', async () => {
    const site = await openSite();
    const device = site.devices[0] as PlannedDevice;
    const auth = `Authorization: Bearer ${await logIn(site, device)}`;
    const passing = await openPassingSite();
    const stalled = async (port: number, path: string): Promise<{ status: number; type: string; tookMs: number }> => {
      const connection = await RawConnection.open(port);
      await connection.send(`POST ${path} HTTP/1.1\r\nHost: a\r\n${auth}\r\nContent-Length: 100\r\n\r\n`);
      // A silence of 7 s ends nothing.
      await pause(7_000);
      // Before it is sent: what the proxy counts begins later, whatever keeps this process from its turn.
      const beganMs = performance.now();
      await connection.send('{"data":');
      const answer = await connection.readAnswer();
      await connection.closed;
      return { status: answer.status, type: JSON.parse(answer.body).type, tookMs: performance.now() - beganMs };
    };
    const outcomes = await Promise.all([
      stalled(portOf(site), statePath(device)),
      stalled(portOf(site), '/auth/device'),
      stalled(passing.port, '/files'),
    ]);
    for (const { status, type, tookMs } of outcomes) {
      expect({ status, type }).toEqual({ status: 408, type: 'RequestTimeout' });
      expect(tookMs).toBeGreaterThan(9_900);
      // The web server looks every 4 s, and this machine may be busy.
      expect(tookMs).toBeLessThan(20_000);
    }
    expect(passing.cloud.requests).toEqual([]);
  }, 180_000);
});
