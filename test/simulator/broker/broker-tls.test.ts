import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { connect } from 'mqtt';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { makeCertificate } from '../../upstream/test-servers.js';
import { BrokerSite, credentialsOf, next } from './broker-site.js';

const site = new BrokerSite();

it('serves a connection of TLS that somebody else accepted', async () => {
  const { keyFile, certFile } = makeCertificate(temporaryDirectory());
  const [key, cert] = [readFileSync(keyFile), readFileSync(certFile)];
  const server = createServer({ key, cert }, (socket) => site.cloud.acceptMqtt(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connect(`mqtts://127.0.0.1:${port}`, { ...credentialsOf(site.device), ca: cert, reconnectPeriod: 0 });
  await next(client, 'connect');
  await client.publishAsync(site.stateTopic, '{"data":{"a":1}}', { qos: 1 });
  expect(site.cloud.summary()).toMatchObject({ states: 1 });
  await client.endAsync();
  server.close();
  await once(server, 'close');
});
