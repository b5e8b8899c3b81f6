import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { Agent, WebSocket } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { APPLICATION, createFront, DEVICE, STATE, STATE_PATH, startFront, TOKEN } from '../helpers/front-harness.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { makeCertificate } from '../upstream/test-servers.js';

const AUTHORIZED = { authorization: `Bearer ${TOKEN}` };

describe('with a certificate and its key', () => {
  test('the device side is HTTPS and WSS', async () => {
    const tls = makeCertificate(temporaryDirectory());
    const ca = readFileSync(tls.certFile);
    const { port, authorizer, intake } = await startFront({ tls });
    authorizer.give(TOKEN, APPLICATION, DEVICE);
    intake.storesAtOnce = true;

    const outgoing = request({ host: '127.0.0.1', port, path: STATE_PATH, method: 'POST', headers: AUTHORIZED, ca });
    outgoing.end(STATE);
    const [incoming] = await once(outgoing, 'response');
    incoming.resume();
    expect(incoming.statusCode).toBe(200);
    await once(incoming, 'end');

    const dispatcher = new Agent({ connect: { ca } });
    onTestFinished(() => dispatcher.destroy());
    const socket = new WebSocket(`wss://127.0.0.1:${port}${STATE_PATH}`, { headers: AUTHORIZED, dispatcher });
    await once(socket, 'open');
    socket.send(STATE);
    expect((await once(socket, 'message'))[0].data).toBe('{"ack":1}');
    socket.close();
    await once(socket, 'close');
    expect(intake.taken.map((taken) => taken.text)).toEqual([STATE, STATE]);
  });
});

describe('a front is not made, and names both files,', () => {
  test('where one of them is not there', () => {
    const { keyFile } = makeCertificate(temporaryDirectory());
    expect(() => createFront({ tls: { certFile: '/nowhere/cert.pem', keyFile } })).toThrow(
      new RegExp(`/nowhere/cert\\.pem.*${keyFile}`),
    );
  });

  test('where the key is of another certificate', () => {
    const { certFile } = makeCertificate(temporaryDirectory());
    const { keyFile } = makeCertificate(temporaryDirectory());
    expect(() => createFront({ tls: { certFile, keyFile } })).toThrow(certFile);
  });

  test('where one of them holds something else', () => {
    const directory = temporaryDirectory();
    const { keyFile } = makeCertificate(directory);
    const certFile = join(directory, 'other.pem');
    writeFileSync(certFile, 'something else');
    expect(() => createFront({ tls: { certFile, keyFile } })).toThrow(certFile);
  });
});
