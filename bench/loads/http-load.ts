import { expecting } from '../account.js';
import { HttpConnection } from './http-connection.js';
import { latencyHistogram, observe, percentiles, withinMs } from './latency.js';
import type { LoadResult, Target } from './load-result.js';
import { bodyOf, type RequestPlan, requestBytes } from './request-plan.js';
import { ArrivalSchedule, until } from './timetable.js';

interface OverConnections extends RequestPlan {
  readonly kind: 'http';
  readonly connections: number;
}

/** Each connection sends when its last request is answered. */
export interface ClosedHttpLoad extends OverConnections {
  readonly perSecond?: undefined;
}

/** Requests are sent whether those before are answered or not, one at a time over each connection. */
export interface OpenHttpLoad extends OverConnections {
  readonly perSecond: number;
  /** At the same rate; only its latencies are not counted. */
  readonly warmUpSeconds?: number;
}

export type HttpLoad = ClosedHttpLoad | OpenHttpLoad;

const ANSWERS_WITHIN_MS = 10_000;
/** A generator later than this at the 99th percentile could not keep its own timetable. */
const LATE_MS = 5;
/** Held is a rate that was reached but for this. */
const HELD_SHARE = 0.98;

/** Puts the load on a server. */
export async function runHttp(load: OpenHttpLoad, target: Target): Promise<LoadResult> {
  const loop = new HttpLoop(requestBytes(load, `127.0.0.1:${target.port}`), load, target);
  await loop.run();
  const { latencies, lateness, answered, refused, unanswered, seconds } = loop;
  const states = (requests: Uint32Array) => requests.map((count, device) => count * bodyOf(load, device).states);
  const outcome = { ...expecting(states(loop.acknowledged), states(loop.sent)), refused, unanswered };
  const perSecond = answered / seconds;
  const doubts: string[] = [];
  if (withinMs(lateness, 99) > LATE_MS) doubts.push('the load was late itself; its latencies are too long');
  if (perSecond < load.perSecond * HELD_SHARE) doubts.push('it did not keep up with the arrivals');
  return { ...outcome, figures: { ...percentiles(latencies), 'rate that was held': perSecond }, doubts };
}

/** Sends prepared requests, round and round, each when it is due, or as soon as a connection is free after that. */
export class HttpLoop {
  readonly #requests: readonly Buffer[];
  readonly #load: Omit<OpenHttpLoad, keyof RequestPlan | 'kind'>;
  readonly #target: Target;
  readonly #idle: HttpConnection[] = [];
  #schedule = new ArrivalSchedule(0, 0, 0);
  #issued = 0;
  #underWay = 0;
  #broken = 0;
  /** Answers of 2xx, from when the request was due, but for those of the warm-up. */
  readonly latencies = latencyHistogram();
  /** How late the generator itself was, where a connection was free. */
  readonly lateness = latencyHistogram();
  /** By request of the list, how often it was answered with 2xx. */
  readonly acknowledged: Uint32Array;
  /** By request of the list, how often it was sent. */
  readonly sent: Uint32Array;
  /** Answers of 2xx, those of the warm-up too. */
  answered = 0;
  /** Answered otherwise. */
  refused = 0;
  /** Not answered when the wait for it ended. */
  unanswered = 0;
  /** From the first request to the last answer. */
  seconds = 0;

  constructor(requests: readonly Buffer[], load: Omit<OpenHttpLoad, keyof RequestPlan | 'kind'>, target: Target) {
    this.#requests = requests;
    this.#load = load;
    this.#target = target;
    this.acknowledged = new Uint32Array(requests.length);
    this.sent = new Uint32Array(requests.length);
  }

  /** Runs the load, and waits for the answers to all of it, within bounds. */
  async run(): Promise<void> {
    const { connections, perSecond, warmUpSeconds = 0 } = this.#load;
    // A broken connection is not replaced: the load that it carried is missed, and shows.
    const open = () => HttpConnection.open(this.#target.port, () => this.#broken++);
    const opened = await Promise.all(Array.from({ length: connections }, open));
    this.#idle.push(...opened);
    const startMs = performance.now();
    const seconds = warmUpSeconds + this.#target.seconds;
    const endMs = startMs + seconds * 1000;
    this.#schedule = new ArrivalSchedule(startMs, perSecond, seconds);
    await until(() => {
      const nowMs = performance.now();
      this.#sendDue(nowMs);
      const isAllSent = nowMs >= endMs && this.#issued >= this.#schedule.dueBy(nowMs);
      return (isAllSent && this.#underWay === 0) || this.#broken === connections;
    }, endMs + ANSWERS_WITHIN_MS);
    this.seconds = (performance.now() - startMs) / 1000;
    this.unanswered = Math.max(this.#issued, this.#schedule.dueBy(performance.now())) - this.answered - this.refused;
    for (const connection of opened) connection.close();
  }

  #sendDue(nowMs: number): void {
    const due = this.#schedule.dueBy(nowMs);
    while (this.#issued < due) {
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      observe(this.lateness, nowMs - this.#schedule.dueAtMs(this.#issued));
      this.#send(connection);
    }
  }

  #send(connection: HttpConnection): void {
    const { perSecond, warmUpSeconds = 0 } = this.#load;
    const event = this.#issued++;
    const request = event % this.#requests.length;
    const dueMs = this.#schedule.dueAtMs(event);
    increase(this.sent, request);
    this.#underWay++;
    connection.send(this.#requests[request] as Buffer, (status) => {
      this.#underWay--;
      const answeredMs = performance.now();
      if (status >= 200 && status < 300) {
        this.answered++;
        if (event >= perSecond * warmUpSeconds) observe(this.latencies, answeredMs - dueMs);
        increase(this.acknowledged, request);
      } else this.refused++;
      if (this.#issued < this.#schedule.dueBy(answeredMs)) this.#send(connection);
      else this.#idle.push(connection);
    });
  }
}

function increase(counts: Uint32Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}
