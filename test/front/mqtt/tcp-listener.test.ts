import { once } from 'node:events';
import { type AddressInfo, connect, createServer, Server } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { mqttStrangers } from '../../../src/core/bounds.js';
import { StrangerLines } from '../../../src/front/mqtt/stranger-lines.js';
import type { TcpLine } from '../../../src/front/mqtt/tcp-line.js';
import { TcpListener } from '../../../src/front/mqtt/tcp-listener.js';
import { Arrivals } from '../../helpers/arrivals.js';
import { FakeClock } from '../../helpers/fake-clock.js';

function listenerOn(port: number): { listener: TcpListener; lines: Arrivals<TcpLine> } {
  const lines = new Arrivals<TcpLine>();
  const strangers = new StrangerLines(mqttStrangers(10));
  const onLine = (line: TcpLine): void => lines.add(line);
  const options = {
    host: '127.0.0.1',
    port,
    tls: undefined,
    clock: new FakeClock(),
    strangers,
    onLine,
    onNoHandshake: () => {},
  };
  const listener = new TcpListener(options);
  onTestFinished(() => listener.close());
  return { listener, lines };
}

/** The servers that listen from now on. */
function noteServers(): Server[] {
  const servers: Server[] = [];
  const { listen } = Server.prototype;
  Server.prototype.listen = function (this: Server, ...parts: unknown[]) {
    servers.push(this);
    return listen.apply(this, parts as never);
  } as typeof listen;
  onTestFinished(() => {
    Server.prototype.listen = listen;
  });
  return servers;
}

it('goes on where connections could not be accepted', async () => {
  const servers = noteServers();
  const { listener, lines } = listenerOn(0);
  const port = await listener.listen();
  // As Node tells of each that accept(2) failed for, with ENOBUFS as an example; without a listener an error is thrown.
  for (let failures = 0; failures < 3; failures++) servers[0]?.emit('error', new Error('accept ENOBUFS'));
  const client = connect(port, '127.0.0.1');
  const line = await lines.next();
  expect(line.peer).toBe('127.0.0.1');
  client.destroy();
  line.cut();
});

it('names the option of an address that it cannot have', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    other.close();
  });
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await expect(listenerOn(port).listener.listen()).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port} (STATEWAY_MQTT_LISTEN): listen EADDRINUSE`,
  );
});
