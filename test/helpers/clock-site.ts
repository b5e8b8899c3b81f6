import type { ServerResponse } from 'node:http';
import { tokenOf } from '../auth/tokens.js';
import { askOnce } from './http-client.js';
import { MovedClock } from './moved-clock.js';
import { answerAsCloud, type RecordedRequest, RecordingCloud } from './recording-cloud.js';
import { type RunningProxy, startProxy } from './running-proxy.js';
import { temporaryDirectory } from './temporary-directory.js';
import { atEnd } from './test-scope.js';

const APPLICATION_ID = 'a'.repeat(24);
export const DEVICE_ID = 'd'.repeat(24);
const DEVICE_PATH = `/applications/${APPLICATION_ID}/devices/${DEVICE_ID}`;
const STATE_PATH = `${DEVICE_PATH}/state`;
const TOKEN = tokenOf('of the device');

/** A state as the cloud got it. */
export interface ArrivedState {
  readonly time: number;
  readonly data: { readonly n: number };
  /** By the right clock. */
  readonly arrivedMs: number;
}

export interface ClockSiteOptions {
  /** How far the proxy's clock is from the right time. */
  readonly offByMs?: number;
  /** How far the cloud's `Date` is from it; undefined: it sends none. */
  readonly cloudOffByMs?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

/** A proxy whose wall clock the test sets, and a cloud that notes which times states have. */
export class ClockSite {
  readonly clock: MovedClock;
  readonly dataDir = temporaryDirectory();
  readonly arrived: ArrivedState[] = [];
  /** When each request with states came, by a clock that nobody sets. */
  readonly requestsAtMs: number[] = [];
  /** Nobody is there: connections are cut. */
  isCloudAway = false;
  /** States are taken but the answer never comes. */
  isCloudMute = false;
  cloudOffByMs: number | undefined;
  proxy!: RunningProxy;
  readonly #env: Readonly<Record<string, string>>;
  #cloud!: RecordingCloud;

  private constructor(options: ClockSiteOptions) {
    this.clock = new MovedClock(options.offByMs ?? 0);
    this.cloudOffByMs = options.cloudOffByMs;
    this.#env = options.env ?? {};
  }

  /** A site that is gone when the running test is over. */
  static async open(options: ClockSiteOptions = {}): Promise<ClockSite> {
    const site = new ClockSite(options);
    site.#cloud = await RecordingCloud.open({
      answer: (request, response) => site.#answer(request, response),
      onGreeting: (request, response) => {
        if (site.#isThere(response)) answerAsCloud(request, response, 401);
      },
    });
    atEnd(() => site.proxy.kill());
    await site.start();
    return site;
  }

  /** Starts the proxy, again on the same data; the one before must have ended. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const { dataDir } = this;
    const upstreamUrl = this.#cloud.url;
    this.proxy = await startProxy({ upstreamUrl, dataDir, env: { ...this.clock.env, ...this.#env, ...env } });
  }

  /** Sends `{n}`, and a time if given, as the one device; resolves to the status of the answer. */
  async post(n: number, time?: number | string): Promise<number> {
    return this.postBody({ data: { n }, ...(time === undefined ? {} : { time }) });
  }

  async postBody(body: unknown, token = TOKEN): Promise<number> {
    const response = await fetch(this.proxy.url + STATE_PATH, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    await response.arrayBuffer();
    return response.status;
  }

  async metric(name: string): Promise<number> {
    const text = await (await askOnce(`${this.proxy.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  async status(): Promise<{ spool: { states: number }; devices: { listed: { reason: string }[] } }> {
    return (await askOnce(`${this.proxy.adminUrl}/status`)).json() as never;
  }

  #answer(request: RecordedRequest, response: ServerResponse): void {
    if (!this.#isThere(response)) return;
    if (request.method === 'POST') this.#take(request);
    if (request.method === 'POST' && this.isCloudMute) {
      response.socket?.destroy();
      return;
    }
    const body =
      request.method === 'POST'
        ? { success: true }
        : { id: DEVICE_ID, deviceId: DEVICE_ID, applicationId: APPLICATION_ID };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(body));
  }

  /** Whether there is somebody to answer, by the clock that the cloud has. */
  #isThere(response: ServerResponse): boolean {
    if (this.isCloudAway) {
      response.socket?.destroy();
      return false;
    }
    response.sendDate = false;
    if (this.cloudOffByMs !== undefined) {
      response.setHeader('date', new Date(Date.now() + this.cloudOffByMs).toUTCString());
    }
    return true;
  }

  #take({ body }: RecordedRequest): void {
    this.requestsAtMs.push(performance.now());
    const states = JSON.parse(body) as Omit<ArrivedState, 'arrivedMs'>[];
    for (const state of states) this.arrived.push({ ...state, arrivedMs: Date.now() });
  }
}
