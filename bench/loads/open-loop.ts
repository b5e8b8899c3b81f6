import type { Histogram } from 'hdr-histogram-js';
import { ArrivalSchedule } from './arrival-schedule.js';
import { HttpConnection } from './http-connection.js';
import { type Latency, latencyHistogram, latencyOf, observe } from './latency.js';

/** A constant rate of requests, whether they are answered or not. */
export interface OpenLoad {
  readonly port: number;
  readonly connections: number;
  readonly perSecond: number;
  readonly seconds: number;
  /** Before that, at the same rate; only its latencies are not counted. */
  readonly warmUpSeconds?: number;
}

export interface OpenResult {
  /** Answers of 2xx, from when the request was due, but for those of the warm-up. */
  readonly latency: Latency;
  /** Answers of 2xx, those of the warm-up too. */
  readonly answers: number;
  /** By request of the list, how often it was answered with 2xx. */
  readonly acknowledged: Uint32Array;
  /** By request of the list, how often it was sent. */
  readonly sent: Uint32Array;
  /** Answered otherwise. */
  readonly refused: number;
  /** Not answered when the wait for it ended. */
  readonly unanswered: number;
  /** How late the generator itself was, where a connection was free. */
  readonly lateness: Latency;
  /** From the first request to the last answer. */
  readonly seconds: number;
}

/** How often it is looked what is due. Timers of Node do no better. */
const TICK_MS = 1;
const ANSWERS_WITHIN_MS = 10_000;

/** Sends prepared requests, round and round, each when it is due, or as soon as a connection is free after that. */
export class OpenLoop {
  readonly #requests: readonly Buffer[];
  readonly #load: OpenLoad;
  readonly #idle: HttpConnection[] = [];
  readonly #latencies: Histogram = latencyHistogram();
  readonly #lateness: Histogram = latencyHistogram();
  readonly #acknowledged: Uint32Array;
  readonly #sent: Uint32Array;
  #schedule = new ArrivalSchedule(0, 0, 0);
  #firstCounted = 0;
  #answered = 0;
  #issued = 0;
  #underWay = 0;
  #refused = 0;
  #broken = 0;
  #onIdle: () => void = () => {};

  constructor(requests: readonly Buffer[], load: OpenLoad) {
    this.#requests = requests;
    this.#load = load;
    this.#acknowledged = new Uint32Array(requests.length);
    this.#sent = new Uint32Array(requests.length);
  }

  /** Runs the load, and waits for the answers to all of it, within bounds. */
  async run(): Promise<OpenResult> {
    const { port, connections, perSecond, warmUpSeconds = 0 } = this.#load;
    const seconds = warmUpSeconds + this.#load.seconds;
    const opening = Array.from({ length: connections }, () => HttpConnection.open(port, () => this.#break()));
    const opened = await Promise.all(opening);
    this.#idle.push(...opened);
    const startMs = performance.now();
    this.#schedule = new ArrivalSchedule(startMs, perSecond, seconds);
    this.#firstCounted = perSecond * warmUpSeconds;
    await this.#untilAnswered(startMs + seconds * 1000 + ANSWERS_WITHIN_MS);
    const result: OpenResult = {
      latency: latencyOf(this.#latencies),
      answers: this.#answered,
      acknowledged: this.#acknowledged,
      sent: this.#sent,
      refused: this.#refused,
      unanswered: this.#schedule.total - this.#answered - this.#refused,
      lateness: latencyOf(this.#lateness),
      seconds: (performance.now() - startMs) / 1000,
    };
    for (const connection of opened) connection.close();
    return result;
  }

  #untilAnswered(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearInterval(tick);
        resolve();
      };
      const tick = setInterval(() => {
        this.#sendDue();
        if (performance.now() > deadlineMs || this.#broken === this.#load.connections) end();
      }, TICK_MS);
      this.#onIdle = end;
    });
  }

  #sendDue(): void {
    const nowMs = performance.now();
    const due = this.#schedule.dueBy(nowMs);
    while (this.#issued < due) {
      const connection = this.#idle.pop();
      if (connection === undefined) return;
      observe(this.#lateness, nowMs - this.#schedule.dueAtMs(this.#issued));
      this.#send(connection);
    }
  }

  #send(connection: HttpConnection): void {
    const event = this.#issued++;
    const request = event % this.#requests.length;
    this.#sent[request] = (this.#sent[request] as number) + 1;
    this.#underWay++;
    connection.send(this.#requests[request] as Buffer, (status) => {
      this.#underWay--;
      const nowMs = performance.now();
      if (status >= 200 && status < 300) {
        this.#answered++;
        if (event >= this.#firstCounted) observe(this.#latencies, nowMs - this.#schedule.dueAtMs(event));
        this.#acknowledged[request] = (this.#acknowledged[request] as number) + 1;
      } else this.#refused++;
      this.#next(connection, nowMs);
    });
  }

  #next(connection: HttpConnection, nowMs: number): void {
    if (this.#issued < this.#schedule.dueBy(nowMs)) {
      this.#send(connection);
      return;
    }
    this.#idle.push(connection);
    if (this.#underWay === 0 && this.#issued === this.#schedule.total) this.#onIdle();
  }

  /** A broken connection is not replaced: the load that it carried is missed, and shows. */
  #break(): void {
    this.#broken++;
  }
}
