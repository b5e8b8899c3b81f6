import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { TcpLine } from '../../../src/front/mqtt/tcp-line.js';
import { Arrivals } from '../../helpers/arrivals.js';
import { FakeClock } from '../../helpers/fake-clock.js';

it('hands on chunks of which a copy is a copy', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  const [socket] = (await once(server, 'connection')) as [Socket];
  const chunks = new Arrivals<Uint8Array>();
  new TcpLine(socket, 'mqtt', new FakeClock()).attach({
    receive: (chunk) => chunks.add(chunk),
    drained: () => {},
    closed: () => {},
  });
  client.write('some bytes');
  const chunk = await chunks.next();
  expect(Buffer.from(chunk).toString()).toBe('some bytes');
  // As a `Buffer` it would be a view, and keep the whole chunk in memory for as long as it is needed itself.
  expect(chunk.slice(5).buffer).not.toBe(chunk.buffer);
  expect(chunk.slice(5).buffer.byteLength).toBe(5);
});
