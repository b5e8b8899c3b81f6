import { expect, it } from 'vitest';
import { CloudBench, devicePath } from './cloud-bench.js';

const bench = new CloudBench();

async function sendStates(...states: { time: number; data: object }[]): Promise<void> {
  const answer = await bench.send(bench.device, await bench.tokenOf(bench.device), states);
  expect(answer.status).toBe(200);
}

async function get(part: string): Promise<unknown> {
  const answer = await bench.request('GET', `${devicePath(bench.device)}/${part}`, await bench.tokenOf(bench.device));
  expect(answer.status).toBe(200);
  return answer.body;
}

/** Opens a stream and returns the way to read its next piece. */
async function listen(part: string): Promise<{ type: string | null; next: () => Promise<string> }> {
  const token = await bench.tokenOf(bench.device);
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${bench.url}${devicePath(bench.device)}/${part}`, { headers });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const next = async () => Buffer.from((await reader.read()).value ?? []).toString();
  return { type: response.headers.get('content-type'), next };
}

it('gives the states of a device back, the newest first, as many as are asked for', async () => {
  const start = bench.clock.wallMs();
  await sendStates({ time: start, data: { a: 1 } }, { time: start - 10, data: { a: 2, b: 3 } });
  const shown = [
    { time: new Date(start).toISOString(), data: { a: 1 } },
    { time: new Date(start - 10).toISOString(), data: { a: 2, b: 3 } },
  ];
  expect(await get('state')).toEqual(shown.slice(0, 1));
  expect(await get('state?limit=10')).toEqual(shown);
  expect(await get(`state?limit=10&since=${start}`)).toEqual(shown.slice(0, 1));
  expect(await get('compositeState')).toEqual({
    a: { value: 1, time: shown[0]?.time },
    b: { value: 3, time: shown[1]?.time },
  });
});

it('takes commands for a device, gives them back and tells who listens', async () => {
  const stream = await listen('commandStream');
  expect(stream.type).toContain('text/event-stream');
  const token = await bench.tokenOf(bench.device);
  const send = (body: unknown) => bench.request('POST', `${devicePath(bench.device)}/command`, token, body);
  expect((await send({ name: 'open', payload: { by: 2 } })).body).toEqual({ success: true });
  const time = new Date(bench.clock.wallMs()).toISOString();
  const command = { name: 'open', time, payload: { by: 2 } };
  expect(await stream.next()).toBe(`event: deviceCommand\ndata: ${JSON.stringify(command)}\n\n`);
  await send({ name: 'close' });
  expect(await get('command?limit=5')).toEqual([{ name: 'close', time }, command]);
  expect((await send({ payload: 1 })).status).toBe(400);
});

it('tells who listens of states as they come, and keeps the stream alive as often as it is asked to', async () => {
  const stream = await listen('stateStream?keepAliveInterval=5');
  const state = { time: bench.clock.wallMs(), data: { a: 1 } };
  await sendStates(state);
  expect(await stream.next()).toBe(`event: deviceState\ndata: ${JSON.stringify(state)}\n\n`);
  await bench.clock.advance(5_000);
  expect(await stream.next()).toBe(':keep-alive\n\n');
  await bench.clock.advance(5_000);
  expect(await stream.next()).toBe(':keep-alive\n\n');
});

it('answers nobody who may not read the device', async () => {
  const [, other] = bench.devices;
  const token = await bench.tokenOf(other as (typeof bench.devices)[number]);
  for (const part of ['state', 'compositeState', 'command', 'stateStream', 'commandStream']) {
    expect((await bench.request('GET', `${devicePath(bench.device)}/${part}`, token)).status).toBe(403);
    expect((await bench.request('GET', `${devicePath(bench.device)}/${part}`)).status).toBe(401);
  }
});
