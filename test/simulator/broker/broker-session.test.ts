import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { BrokerLine } from '../../../src/simulator/broker/broker-session.js';
import { later } from '../../helpers/promises.js';

const server = createServer();
let device: Socket;
/** The other end, as the line has it. */
let socket: Socket;
let line: BrokerLine;

beforeEach(async () => {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const accepted = later(once(server, 'connection'));
  device = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket = (await accepted)[0] as Socket;
  line = new BrokerLine(socket);
  line.on('error', () => {});
});

afterEach(() => {
  line.cut();
  device.destroy();
});

afterAll(() => server.close());

function text(chunks: readonly unknown[]): string {
  return chunks.map(String).join('');
}

it('hands on what either side sends, and that it has ended', async () => {
  device.write('up');
  expect(text(await once(line, 'data'))).toBe('up');
  line.write('down');
  expect(text(await once(device, 'data'))).toBe('down');
  line.end('last');
  expect(text(await once(device, 'data'))).toBe('last');
  await once(device, 'end');
  device.end();
  await once(line, 'close');
});

it('closes the connection when the broker does, and the other way round', async () => {
  line.destroy();
  await once(device, 'close');
  const accepted = later(once(server, 'connection'));
  device = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket = (await accepted)[0] as Socket;
  line = new BrokerLine(socket);
  line.resume();
  device.destroy();
  await once(line, 'close');
});

it('hands nothing on when it has fallen silent, also not its end, until it is cut', async () => {
  const arrived: string[] = [];
  line.on('data', (chunk) => arrived.push(String(chunk)));
  device.on('data', (chunk) => arrived.push(String(chunk)));
  line.fallSilent();
  device.write('up');
  await new Promise<void>((resolve) => line.write('down', () => resolve()));
  line.destroy();
  await once(line, 'close');
  expect(socket.destroyed).toBe(false);
  const closed = later(once(device, 'close'));
  line.cut();
  await closed;
  expect(arrived).toEqual([]);
});

it('takes all that a device sends in however large pieces', async () => {
  const sent = Buffer.alloc(1_000_000, 'x');
  device.end(sent);
  let bytes = 0;
  for await (const chunk of line) bytes += (chunk as Buffer).length;
  expect(bytes).toBe(sent.length);
});

it('writes the parts of a packet as one piece', async () => {
  line.cork();
  for (const part of ['p', 'a', 'rt']) line.write(part);
  line.uncork();
  expect(text(await once(device, 'data'))).toBe('part');
});
