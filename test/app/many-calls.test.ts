import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openPassingSite } from '../helpers/passing-site.js';

/** More than either kind could have when all calls shared one bound. */
const CALLS = 1_200;
const PATIENCE = { timeout: 60_000 };

/** Writes the same request on so many connections of its own; they end with the running test. */
async function openMany(port: number, text: string): Promise<Socket[]> {
  const sockets = Array.from({ length: CALLS }, () => connect(port, '127.0.0.1'));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  for (const socket of sockets) {
    socket.on('error', () => {});
    socket.write(text);
  }
  return sockets;
}

test('1,200 event streams and as many trickling uploads keep nobody else out', { timeout: 120_000 }, async () => {
  let streams = 0;
  let uploads = 0;
  const { proxy, port } = await openPassingSite({
    // Else of 20,000 open files, as many systems have, MQTT leaves 884 to the streams of strangers.
    env: { STATEWAY_MQTT_MAX_CONNECTIONS: '2000' },
    onRequest: (incoming, response) => {
      if (incoming.url?.endsWith('Stream')) {
        streams++;
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':\n\n');
      } else if (incoming.method === 'PUT') uploads++;
      else response.end('here');
    },
  });
  const read = async () => {
    const answer = await fetch(`${proxy.url}/me`);
    return { status: answer.status, text: await answer.text() };
  };
  await openMany(port, 'GET /applications/a/devices/d/commandStream HTTP/1.1\r\nHost: a\r\n\r\n');
  await expect.poll(() => streams, PATIENCE).toBe(CALLS);
  expect(await read()).toEqual({ status: 200, text: 'here' });
  const trickling = await openMany(
    port,
    'PUT /applications/a/files/f HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx',
  );
  // Of uploads there is a bound below that; those beyond it are answered.
  await expect.poll(() => uploads, PATIENCE).toBe(1_024);
  expect(await read()).toEqual({ status: 200, text: 'here' });
  for (const socket of trickling) socket.write('x');
  const more = request({ port, host: '127.0.0.1', path: '/a/stateStream', agent: new Agent() }).end();
  // At the end of the test it may be destroyed before its answer is read.
  more.on('error', () => {});
  onTestFinished(() => {
    more.destroy();
  });
  await expect.poll(() => streams, PATIENCE).toBe(CALLS + 1);
  expect(uploads).toBe(1_024);
});
