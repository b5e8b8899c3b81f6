import { expecting } from '../account.js';
import { latencyHistogram, observe, percentiles } from './latency.js';
import type { Line } from './line.js';
import type { LoadResult, Target } from './load-result.js';
import { MqttLine } from './mqtt-line.js';
import { openLines, type Protocol } from './open-lines.js';
import { ArrivalSchedule, until } from './timetable.js';

/** What a frame holds: text for JSON, bytes for MessagePack. */
export interface FramePayload {
  readonly text: string | Uint8Array;
  readonly states: number;
}

/** As fast as it goes with so many unsettled frames a line, written so many at once; ends early at a limit. */
interface ClosedPace {
  readonly window: number;
  readonly batch: number;
  readonly framesPerLine?: number;
}

/** A constant rate over all lines, whether frames are settled or not; latencies of the warm-up are not counted. */
interface OpenPace {
  readonly perSecond: number;
  readonly warmUpSeconds?: number;
}

/** Frames over connections that stay, one for each device, which are settled in their order. */
export interface SocketLoad {
  readonly kind: 'sockets';
  /** An open pace is only for WebSockets. */
  readonly protocol?: Protocol;
  readonly firstDevice?: number;
  readonly devices: number;
  /** Line i sends the i-th payload, counted round. */
  readonly payloads: readonly FramePayload[];
  readonly pace: ClosedPace | OpenPace;
  /** Whether somebody takes what is published, as of a broker. */
  readonly hasSubscriber?: true;
}

const ANSWERS_WITHIN_MS = 15_000;

/** Puts the load on a server. */
export function runSockets(load: SocketLoad, target: Target): Promise<LoadResult> {
  return new SocketRun(load).run(target);
}

class SocketRun {
  readonly #load: SocketLoad;
  readonly #latencies = latencyHistogram();
  #lines: Line[] = [];
  #settledStates = 0;
  #onSettled: (line: number, frames: number) => void = () => {};

  constructor(load: SocketLoad) {
    this.#load = load;
  }

  /** Waits for the answers to all of it, within bounds. */
  async run({ port, seconds }: Target): Promise<LoadResult> {
    const { protocol = 'websocket', firstDevice = 0, devices, pace, hasSubscriber } = this.#load;
    this.#lines = await openLines({ protocol, port, firstDevice, devices }, (line, frames) => {
      this.#settledStates += this.#statesOf(line, frames);
      this.#onSettled(line, frames);
    });
    const subscriber = hasSubscriber && (await new MqttLine(port, firstDevice + devices, () => {}).opened);
    subscriber?.subscribeToAll();
    const window = 'window' in pace ? pace.window : 1;
    for (const [i, line] of this.#lines.entries()) line.prepare(this.#payloadOf(i).text, window);
    const startMs = performance.now();
    if ('window' in pace) await this.#sendClosed(pace, startMs + seconds * 1000);
    else await this.#sendOpen(pace, startMs, seconds);
    const perSecond = this.#settledStates / ((performance.now() - startMs) / 1000);
    await until(() => this.#unanswered() === 0, performance.now() + ANSWERS_WITHIN_MS);
    for (const line of [...this.#lines, ...(subscriber ? [subscriber] : [])]) line.close();
    return this.#result(firstDevice, perSecond);
  }

  async #sendClosed(
    { window, batch, framesPerLine = Number.POSITIVE_INFINITY }: ClosedPace,
    endMs: number,
  ): Promise<void> {
    const send = (line: Line) => {
      while (line.sent - line.settled + batch <= window && line.sent < framesPerLine) {
        line.send(Math.min(batch, framesPerLine - line.sent));
      }
    };
    this.#onSettled = (line) => send(this.#lines[line] as Line);
    for (const line of this.#lines) send(line);
    const isDone = () => this.#lines.every(({ sent }) => sent >= framesPerLine) && this.#unanswered() === 0;
    await until(isDone, endMs);
    this.#onSettled = () => {};
  }

  /** The frames of a line are every so many-th of the schedule, and are settled in their order. */
  async #sendOpen({ perSecond, warmUpSeconds = 0 }: OpenPace, startMs: number, seconds: number): Promise<void> {
    const lines = this.#lines;
    const schedule = new ArrivalSchedule(startMs, perSecond, warmUpSeconds + seconds);
    this.#onSettled = (number, frames) => {
      const nowMs = performance.now();
      const { settled } = lines[number] as Line;
      for (let frame = settled - frames; frame < settled; frame++) {
        const event = frame * lines.length + number;
        if (event >= perSecond * warmUpSeconds) observe(this.#latencies, nowMs - schedule.dueAtMs(event));
      }
    };
    let issued = 0;
    const sendDue = () => {
      for (const due = schedule.dueBy(performance.now()); issued < due; issued++) lines[issued % lines.length]?.send(1);
      return issued === schedule.total;
    };
    await until(sendDue, startMs + (warmUpSeconds + seconds) * 1000 + ANSWERS_WITHIN_MS);
  }

  #result(firstDevice: number, perSecond: number): LoadResult {
    const byDevice = (framesOf: (line: Line) => number) => {
      const counts = new Uint32Array(firstDevice + this.#lines.length);
      for (const [i, line] of this.#lines.entries()) counts[firstDevice + i] = this.#statesOf(i, framesOf(line));
      return counts;
    };
    const acknowledged = byDevice(({ settled, refused }) => settled - refused);
    const sent = byDevice((line) => line.sent);
    const latencies = this.#latencies.totalCount > 0 ? percentiles(this.#latencies) : {};
    return {
      ...expecting(acknowledged, sent),
      refused: this.#lines.reduce((sum, { refused }) => sum + refused, 0),
      unanswered: this.#unanswered(),
      figures: { 'states a second': perSecond, ...latencies },
      doubts: [],
    };
  }

  #unanswered(): number {
    return this.#lines.reduce((sum, { sent, settled }) => sum + sent - settled, 0);
  }

  #statesOf(line: number, frames: number): number {
    return frames * this.#payloadOf(line).states;
  }

  #payloadOf(line: number): FramePayload {
    return this.#load.payloads[line % this.#load.payloads.length] as FramePayload;
  }
}
