import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerAsCloud, type RecordedRequest, RecordingCloud } from './recording-cloud.js';
import { type RunningProxy, startProxy } from './running-proxy.js';
import { temporaryDirectory } from './temporary-directory.js';
import { atEnd } from './test-scope.js';

export const APPLICATION = '5a0000000000000000000001';

/** The id of device number `i`. */
export function deviceId(i: number): string {
  return `5b${i.toString(16).padStart(22, '0')}`;
}

export function statePath(i: number): string {
  return `/applications/${APPLICATION}/devices/${deviceId(i)}/state`;
}

/** A JWT that the cloud takes for what its subject says: `good`, `stranger` (one that may read and send nothing), `forged`. */
export function tokenOf(subject: string, scope: unknown = ['all.Device']): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'HS256' })}.${encode({ sub: subject, scope })}.signature`;
}

function subjectOf({ headers }: RecordedRequest): string {
  const payload = (headers.authorization ?? '').split('.')[1] ?? '';
  if (payload === '') return '';
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub;
}

/** A cloud that knows good tokens from others, and the built proxy before it. */
export interface StrangerSite {
  readonly proxy: RunningProxy;
  readonly port: number;
  readonly cloud: RecordingCloud;
  /** How long the cloud takes for each question. */
  questionMs: number;
  /** Of its requests, those with a token whose subject begins so. */
  requestsOf(subject: string, method: string): readonly RecordedRequest[];
}

/** @param cloudAway set while nothing is answered */
export async function openStrangerSite(env: Readonly<Record<string, string>> = {}): Promise<StrangerSite> {
  let questionMs = 0;
  const cloud = await RecordingCloud.open({
    answer: async (request, response) => {
      const { method, url } = request;
      if (url === '/auth/device') {
        const { deviceId: id } = JSON.parse(request.body) as { deviceId: string };
        const authed = {
          applicationId: APPLICATION,
          deviceId: id,
          deviceClass: 'standalone',
          token: tokenOf(`good ${id}`),
        };
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(authed));
        return;
      }
      if (method === 'GET' && questionMs > 0) await sleep(questionMs);
      const subject = subjectOf(request);
      answerAsCloud(request, response, subject.startsWith('good') ? 200 : subject.startsWith('stranger') ? 403 : 401);
    },
  });
  const proxy = await startProxy({ upstreamUrl: cloud.url, dataDir: temporaryDirectory(), env });
  atEnd(() => proxy.kill());
  return {
    proxy,
    port: Number(new URL(proxy.url).port),
    cloud,
    get questionMs() {
      return questionMs;
    },
    set questionMs(value) {
      questionMs = value;
    },
    requestsOf: (subject, method) =>
      cloud.requests.filter((request) => request.method === method && subjectOf(request).startsWith(subject)),
  };
}

/** Connections from an address of this machine, kept open. */
export function agentFrom(address: string): Agent {
  const agent = new Agent({ keepAlive: true, localAddress: address } as ConstructorParameters<typeof Agent>[0]);
  atEnd(() => agent.destroy());
  return agent;
}
