import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { answering, callOf, cleaner, cloud, passed, RecordedAnswer, streamTo } from './passed-calls.js';
import { makeCertificate, startHttp, startHttps, startTcp } from './test-servers.js';

afterEach(() => cleaner.run());

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('a call', () => {
  it('goes out with its method, target and headers as they are, to the host of the cloud', async () => {
    let seen: IncomingMessage | undefined;
    const stream = await cloud((request, response) => {
      seen = request;
      response.end();
    });
    const headers = [
      ['x-a', '1'],
      ['cookie', 'a=b'],
      ['x-a', '2'],
      ['__proto__', 'x'],
      ['x-latin', 'caf\xe9'],
    ] as const;
    await passed(stream, { method: 'PROPFIND', target: '/a%2e/./..//b?x=%20&y={}&', headers });
    expect({ method: seen?.method, url: seen?.url }).toEqual({ method: 'PROPFIND', url: '/a%2e/./..//b?x=%20&y={}&' });
    expect(seen?.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(seen?.rawHeaders.slice(4, 14)).toEqual([
      'x-a',
      '1',
      'x-a',
      '2',
      'cookie',
      'a=b',
      '__proto__',
      'x',
      'x-latin',
      'caf\xe9',
    ]);
  });

  it('goes under the path of the cloud’s URL', async () => {
    const targets: (string | undefined)[] = [];
    const port = await startHttp(cleaner, (request, response) => {
      targets.push(request.url);
      response.end();
    });
    await passed(streamTo(`http://127.0.0.1:${port}/plant/`), { target: '/me?x' });
    await passed(streamTo(`http://127.0.0.1:${port}`), { target: '//me' });
    expect(targets).toEqual(['/plant/me?x', '//me']);
  });

  it.each([
    [[['content-length', '5']] as const, { 'content-length': '5' }],
    [[] as const, { 'transfer-encoding': 'chunked' }],
  ])('takes its body along, framed anew: %j', async (headers, framing) => {
    let seen: IncomingMessage | undefined;
    const stream = await cloud(async (request, response) => {
      seen = request;
      for await (const chunk of request) response.write(chunk);
      response.end();
    });
    const answer = await passed(stream, { method: 'PUT', headers, body: pieces('he', 'llo') });
    expect(answer.body.toString()).toBe('hello');
    expect(seen?.headers).toMatchObject(framing);
  });

  it('whose body is longer or shorter than it says reaches nobody whole', async () => {
    let whole = 0;
    const stream = await cloud((request, response) => {
      request.on('error', () => {});
      request.resume().on('end', () => whole++);
      request.on('end', () => response.end());
    });
    for (const text of ['hell', 'hello!']) {
      const headers = [['content-length', '5']] as const;
      const answer = await passed(stream, { method: 'PUT', headers, body: pieces(text) });
      expect(answer.told).toEqual(['failure']);
    }
    expect(whole).toBe(0);
  });

  it('whose body ends in an error is not sent whole', async () => {
    let whole = 0;
    const stream = await cloud((request) => {
      request.on('error', () => {});
      request.on('end', () => whole++).resume();
    });
    const body = (async function* () {
      yield Buffer.from('half');
      throw new Error('the device is gone');
    })();
    const answer = await passed(stream, { method: 'PUT', body });
    expect(answer).toMatchObject({ told: ['failure'], reason: 'the device is gone' });
    expect(whole).toBe(0);
  });
});

describe('an answer', () => {
  it('comes with status, text and headers as they are, without those of the connection', async () => {
    const stream = await answering(
      'HTTP/1.1 299 Quite So\r\nSet-Cookie: a=1\r\nX-Case: caf\xe9\r\nSet-Cookie: b=2\r\nConnection: keep-alive, X-Hop\r\n' +
        'Keep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nTrailer: x\r\n' +
        'Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n',
    );
    const answer = await passed(stream);
    expect(answer).toMatchObject({ told: ['head', 'chunk', 'end'], status: 299, statusText: 'Quite So' });
    expect(answer.headers).toEqual([
      ['Set-Cookie', 'a=1'],
      ['X-Case', Buffer.from('caf\xe9').toString('latin1')],
      ['Set-Cookie', 'b=2'],
    ]);
    expect(answer.body.toString()).toBe('ok');
  });

  it('stays compressed', async () => {
    const bytes = gzipSync('x'.repeat(1000));
    const stream = await cloud((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': bytes.length });
      response.end(bytes);
    });
    const answer = await passed(stream, { headers: [['accept-encoding', 'gzip']] });
    expect(answer.header('content-encoding')).toBe('gzip');
    expect(answer.body.equals(bytes)).toBe(true);
  });

  it('that redirects is handed on', async () => {
    let requests = 0;
    const stream = await cloud((_request, response) => {
      requests++;
      response.writeHead(302, { location: '/elsewhere' }).end();
    });
    const answer = await passed(stream);
    expect({ status: answer.status, location: answer.header('location'), requests }).toEqual({
      status: 302,
      location: '/elsewhere',
      requests: 1,
    });
  });

  it.each([
    ['to HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n', 200],
    ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
    ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\n\r\n', 304],
    ['after interim ones', 'GET', 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n', 204],
  ])('without a body: %s', async (_what, method, bytes, status) => {
    const answer = await passed(await answering(bytes), { method });
    expect(answer).toMatchObject({ told: ['head', 'end'], status, bytes: 0 });
  });

  it('that is over before the body is ends both', async () => {
    const stream = await cloud((_request, response) => response.writeHead(413).end('no'));
    let isEnded = false;
    const body = (async function* () {
      try {
        for (;;) {
          yield Buffer.alloc(65_536);
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        isEnded = true;
      }
    })();
    const answer = await passed(stream, { method: 'PUT', body });
    expect(answer).toMatchObject({ status: 413, told: ['head', 'chunk', 'end'] });
    while (!isEnded) await new Promise((resolve) => setImmediate(resolve));
  });

  it('is read no faster than it is taken', async () => {
    let written = 0;
    const stream = await cloud((_request, response) => {
      const chunk = Buffer.alloc(65_536, 'x');
      const go = (): void => {
        while (written < 64 * 1024 * 1024) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', go);
            return;
          }
        }
        response.end();
      };
      go();
    });
    let letGo = (): void => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const answer = new RecordedAnswer();
    answer.hold = () => held;
    const passing = stream.pass(callOf(), answer);
    await answer.until(() => answer.bytes > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(answer.bytes).toBeLessThanOrEqual(65_536);
    expect(written).toBeLessThan(32 * 1024 * 1024);
    answer.hold = () => undefined;
    letGo();
    await passing;
    expect({ bytes: answer.bytes, told: answer.told }).toEqual({
      bytes: 64 * 1024 * 1024,
      told: ['head', 'chunk', 'end'],
    });
  });
});

describe('the way to the cloud', () => {
  it('trusts the CA file, and tunnels through the proxy of the environment with all headers', async () => {
    const { keyFile, certFile } = makeCertificate(temporaryDirectory());
    let seen: IncomingMessage | undefined;
    const port = await startHttps(
      cleaner,
      readFileSync(keyFile, 'utf8'),
      readFileSync(certFile, 'utf8'),
      (request, response) => {
        seen = request;
        response.end('far');
      },
    );
    const heads: string[] = [];
    const proxyPort = await startTcp(cleaner, (socket) => {
      socket.once('data', (bytes) => {
        heads.push(bytes.toString('latin1'));
        const far = connect(port, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
          socket.pipe(far).pipe(socket);
        });
        far.on('error', () => socket.destroy());
        socket.on('close', () => far.destroy());
      });
    });
    const url = `https://127.0.0.1:${port}`;
    const proxyUrl = `http://127.0.0.1:${proxyPort}`;
    const headers = [
      ['x-a', '1'],
      ['x-a', '2'],
    ] as const;
    const answer = await passed(streamTo(url, { caFile: certFile, proxyUrl }), { headers });
    expect(answer.body.toString()).toBe('far');
    expect(heads[0]).toMatch(/^CONNECT /);
    expect(seen?.headersDistinct['x-a']).toEqual(['1', '2']);
    expect((await passed(streamTo(url))).reason).toMatch(/SELF_SIGNED/);
  });
});
