import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'vitest';
import { tryStart } from '../helpers/running-proxy.js';
import { APPLICATION, deviceId, openStrangerSite, statePath, tokenOf } from '../helpers/stranger-cloud.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { atEnd, expect } from '../helpers/test-scope.js';

/** A collector of traces, which answers so; what came to it. */
async function openCollector(answer: (response: ServerResponse) => void) {
  const came: { url: string | undefined; authorization: string | undefined; bytes: Buffer }[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { url, headers } = request;
    came.push({ url, authorization: headers.authorization, bytes: Buffer.concat(pieces) });
    answer(response);
  };
  const server = createServer((request, response) => {
    take(request, response).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, came };
}

const SOON = { OTEL_BSP_SCHEDULE_DELAY: '50' };

async function sendState(url: string, ids: Readonly<Record<string, string>> = {}): Promise<number> {
  const token = tokenOf('good 1');
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...ids };
  const response = await fetch(url + statePath(1), { method: 'POST', headers, body: '{"data":{"t":21.5}}' });
  await response.text();
  return response.status;
}

/** As Prometheus asks, which would rather have OpenMetrics. */
async function scrape(adminUrl: string) {
  const accept = 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const response = await fetch(`${adminUrl}/metrics`, { headers: { accept } });
  return { contentType: response.headers.get('content-type'), body: await response.text() };
}

describe.concurrent('traces', () => {
  test('go to the collector, with the call, the device and the instance, and nothing that is secret', async () => {
    const { endpoint, came } = await openCollector((response) => response.end());
    const { proxy } = await openStrangerSite({
      ...SOON,
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=for-the-collector',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=plant-7',
      STATEWAY_NAME: 'gateway-7',
      STATEWAY_EXEMPLARS: 'on',
    });
    expect(await sendState(proxy.url, { 'x-request-id': 'shift-3/part-9' })).toBe(200);
    const all = () => Buffer.concat(came.map(({ bytes }) => bytes)).toString('latin1');
    await expect.poll(all).toContain('POST /applications/{applicationId}/devices/{deviceId}/state');
    for (const told of ['gateway-7', 'plant-7', APPLICATION, deviceId(1), '127.0.0.1']) expect(all()).toContain(told);
    expect(all()).not.toContain(tokenOf('good 1'));
    expect(all()).not.toContain('21.5');
    const { contentType, body } = await scrape(proxy.adminUrl);
    expect(contentType).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(body).toMatch(
      /^stateway_ack_duration_seconds_bucket\{le="[^"]+"\} \d+ # \{request_id="shift-3\/part-9"\} /m,
    );
    const [, traceId = '-'] =
      /^stateway_upstream_request_duration_seconds_bucket\{.* # \{trace_id="([0-9a-f]{32})",span_id=/m.exec(body) ?? [];
    expect(all()).toContain(Buffer.from(traceId, 'hex').toString('latin1'));
    for (const secret of [tokenOf('good 1'), deviceId(1)]) expect(body).not.toContain(secret);
    expect(came[0]).toMatchObject({ url: '/v1/traces', authorization: 'for-the-collector' });
    expect(await proxy.stop()).toBe(0);
    expect(proxy.log.map(({ event }) => event)).not.toContain('tracing-trouble');
  });

  test('keep nobody waiting where the collector refuses them, or says nothing', async () => {
    const refusing = await openCollector((response) => response.writeHead(400).end());
    const silent = await openCollector(() => {});
    for (const { endpoint } of [refusing, silent]) {
      const { proxy } = await openStrangerSite({ ...SOON, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      expect(await sendState(proxy.url, { 'x-request-id': 'r-1' })).toBe(200);
      const { contentType, body } = await scrape(proxy.adminUrl);
      expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(body).not.toContain('r-1');
      if (endpoint === refusing.endpoint) {
        const trouble = () => proxy.log.find(({ event }) => event === 'tracing-trouble');
        await expect.poll(trouble).toMatchObject({ level: 'warn', reason: expect.stringMatching(/\w/) });
      }
      expect(await proxy.stop()).toBe(0);
    }
  });

  test('are refused a collector that is no URL, with the variable named', async () => {
    const outcome = await tryStart({
      upstreamUrl: 'http://127.0.0.1:1',
      dataDir: temporaryDirectory(),
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
    });
    const output = expect.stringContaining('OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318": must be a URL such as');
    expect(outcome).toMatchObject({ kind: 'ended', code: 2, output });
  });
});
