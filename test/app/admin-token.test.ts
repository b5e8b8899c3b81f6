import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { openSite } from '../helpers/bench-site.js';
import { MAIN_FILE } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { makeCertificate } from '../upstream/test-servers.js';

const TOKEN = 'a-token-of-the-admin-side';

test('with a token the admin side is open to probes, to the token and to who has logged in, and to nobody else', async () => {
  const { proxy } = await openSite({
    devices: 1,
    env: { STATEWAY_ADMIN_TOKEN: TOKEN, STATEWAY_NAME: 'Hall <7> & yard' },
  });
  const ask = (path: string, init: RequestInit = {}) => fetch(proxy.adminUrl + path, { redirect: 'manual', ...init });
  const codes = (paths: readonly string[], init?: RequestInit) =>
    Promise.all(paths.map(async (path) => (await ask(path, init)).status));
  const closed = ['/', '/status', '/metrics', '/events', '/assets/page.js', '/nothing'];
  expect(await codes(['/healthz', '/readyz'])).toEqual([200, 200]);
  expect(await codes(closed)).toEqual(closed.map(() => 401));
  expect((await ask('/metrics')).headers.get('www-authenticate')).toBe('Bearer');
  const bearer = { headers: { authorization: `Bearer ${TOKEN}` } };
  expect(await codes(['/', '/status', '/metrics', '/assets/page.js', '/nothing'], bearer)).toEqual([
    200, 200, 200, 200, 404,
  ]);

  // A browser is led to the form, and back to the page.
  const sent = await ask('/', { headers: { accept: 'text/html' } });
  expect([sent.status, sent.headers.get('location')]).toEqual([303, '/login']);
  const form = await (await ask('/login')).text();
  expect(form).toContain('<form method="post" action="/login">');
  expect(form).toContain('<h1>Stateway Hall &lt;7> &amp; yard</h1>');
  const logIn = (token: string, headers: Record<string, string> = {}) =>
    ask('/login', { method: 'POST', body: new URLSearchParams({ token }), headers });
  expect((await logIn('wrong')).status).toBe(401);
  expect((await logIn(TOKEN, { origin: 'https://elsewhere.example' })).status).toBe(403);
  const loggedIn = await logIn(TOKEN, { origin: proxy.adminUrl });
  expect([loggedIn.status, loggedIn.headers.get('location')]).toEqual([303, '/']);
  const cookie = loggedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  expect(await codes(['/', '/status', '/assets/page.js'], { headers: { cookie } })).toEqual([200, 200, 200]);
  expect(await codes(['/status'], { headers: { cookie: `${cookie}x` } })).toEqual([401]);

  // Guessing ends: ten wrong ones of an address, and the next is not looked at.
  for (let guess = 0; guess < 9; guess++) expect((await logIn(`guess ${guess}`)).status).toBe(401);
  const tooMany = await logIn(TOKEN);
  expect([tooMany.status, Number(tooMany.headers.get('retry-after')) > 0]).toEqual([429, true]);
  const told = () => proxy.log.filter(({ event }) => event === 'admin-token-wrong');
  await expect.poll(told).toHaveLength(10);
  expect(told()[0]).toMatchObject({ level: 'warn', address: '127.0.0.1' });
  expect(JSON.stringify(proxy.log)).not.toContain(TOKEN);
});

test('with a certificate of its own the admin side speaks HTTPS alone, and "healthcheck" finds it', async () => {
  const directory = temporaryDirectory();
  const { certFile: cert, keyFile: key } = makeCertificate(directory);
  const env = { STATEWAY_ADMIN_TLS_CERT_FILE: cert, STATEWAY_ADMIN_TLS_KEY_FILE: key };
  const { proxy } = await openSite({ devices: 1, env });
  const { port } = new URL(proxy.adminUrl);
  const body = await new Promise<string>((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path: '/status', ca: readFileSync(cert) };
    get(options, (response) => void text(response).then(resolve, reject)).once('error', reject);
  });
  expect(JSON.parse(body)).toMatchObject({ ready: true });
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  const told = execFileSync(MAIN_FILE, ['healthcheck'], {
    env: { PATH: process.env.PATH, STATEWAY_ADMIN_LISTEN: `127.0.0.1:${port}`, ...env },
    encoding: 'utf8',
  });
  expect(told).toBe('ready: accepting states\n');

  // A renewed pair is shown to new connections.
  const fingerprint = async () => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), rejectUnauthorized: false });
    onTestFinished(() => void socket.destroy());
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().fingerprint256;
  };
  const first = await fingerprint();
  makeCertificate(directory);
  proxy.process.kill('SIGHUP');
  const renewed = () =>
    proxy.log.filter(({ event, side }) => event === 'certificate-renewed' && side === 'admin').length;
  await expect.poll(renewed).toBe(1);
  expect(await fingerprint()).not.toBe(first);
});
