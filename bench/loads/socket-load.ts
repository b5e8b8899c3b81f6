import type { Histogram } from 'hdr-histogram-js';
import { ArrivalSchedule } from './arrival-schedule.js';
import type { DeviceSocket } from './device-socket.js';
import { frameBytes } from './frame-bytes.js';
import { type Latency, latencyHistogram, latencyOf, observe } from './latency.js';
import { openSockets } from './open-sockets.js';

/** The payload of a frame: text for JSON, bytes for MessagePack. */
export interface FramePayload {
  readonly payload: string | Uint8Array;
  readonly states: number;
}

export type SocketPace =
  /** As fast as it goes with so many unsettled frames a socket, written so many at once; ends early at a limit. */
  | { readonly kind: 'closed'; readonly window: number; readonly batch: number; readonly framesPerSocket?: number }
  /** A constant rate over all sockets, whether frames are settled or not; latencies of the warm-up are not counted. */
  | { readonly kind: 'open'; readonly framesPerSecond: number; readonly warmUpSeconds?: number };

export interface SocketLoad {
  readonly port: number;
  /** Socket i belongs to the device `firstDevice` + i. */
  readonly firstDevice: number;
  readonly sockets: number;
  /** Socket i sends the i-th payload, counted round. */
  readonly payloads: readonly FramePayload[];
  readonly seconds: number;
  readonly pace: SocketPace;
}

export interface SocketResult {
  /** States by socket that were acknowledged and not refused by name. */
  readonly acknowledged: Uint32Array;
  /** States by socket. */
  readonly sent: Uint32Array;
  readonly refusedFrames: number;
  readonly unansweredFrames: number;
  /** States settled within `measuredSeconds`, which end when the load does. */
  readonly measuredStates: number;
  readonly measuredSeconds: number;
  /** Of frames, from when each was due; undefined for a closed load, which has no such time. */
  readonly latency: Latency | undefined;
}

const TICK_MS = 1;
const ANSWERS_WITHIN_MS = 15_000;

/** A load over WebSockets: prepared frames out, cumulative acks in. */
export class SocketLoadRun {
  readonly #load: SocketLoad;
  readonly #sentFrames: number[];
  readonly #latencies: Histogram = latencyHistogram();
  #sockets: DeviceSocket[] = [];
  #schedule: ArrivalSchedule | undefined;
  #isSending = true;
  #settledStates = 0;
  #onSettled: (socket: number, frames: number) => void = () => {};

  constructor(load: SocketLoad) {
    this.#load = load;
    this.#sentFrames = new Array(load.sockets).fill(0);
  }

  /** Runs the load, and waits for the answers to all of it, within bounds. */
  async run(): Promise<SocketResult> {
    const { port, firstDevice, sockets, seconds, pace } = this.#load;
    this.#sockets = await openSockets(port, firstDevice, sockets, (socket, frames) => {
      this.#settledStates += frames * this.#payloadOf(socket).states;
      this.#onSettled(socket, frames);
    });
    const startMs = performance.now();
    if (pace.kind === 'closed') await this.#sendClosed(pace, startMs + seconds * 1000);
    else await this.#sendOpen(startMs, pace);
    this.#isSending = false;
    const measuredStates = this.#settledStates;
    const measuredSeconds = (performance.now() - startMs) / 1000;
    await this.#until(() => this.#unanswered() === 0, performance.now() + ANSWERS_WITHIN_MS);
    for (const socket of this.#sockets) socket.close();
    return { ...this.#account(), measuredStates, measuredSeconds };
  }

  async #sendClosed(pace: SocketPace & { kind: 'closed' }, untilMs: number): Promise<void> {
    const { window, batch, framesPerSocket = Number.POSITIVE_INFINITY } = pace;
    const frames = this.#load.payloads.map(({ payload }) => frameBytes(payload));
    const batches = frames.map((frame) => Buffer.concat(new Array<Buffer>(batch).fill(frame)));
    const send = (socket: number) => {
      const settled = this.#socket(socket).settled;
      while (
        this.#isSending &&
        this.#sent(socket) - settled + batch <= window &&
        this.#sent(socket) < framesPerSocket
      ) {
        const count = Math.min(batch, framesPerSocket - this.#sent(socket));
        const bytes = batches[socket % batches.length] as Buffer;
        this.#socket(socket).send(bytes.subarray(0, (bytes.length / batch) * count));
        this.#sentFrames[socket] = this.#sent(socket) + count;
      }
    };
    this.#onSettled = send;
    for (let socket = 0; socket < this.#sockets.length; socket++) send(socket);
    const isDone = () => this.#sentFrames.every((sent) => sent >= framesPerSocket) && this.#unanswered() === 0;
    await this.#until(isDone, untilMs);
  }

  async #sendOpen(startMs: number, pace: SocketPace & { kind: 'open' }): Promise<void> {
    const { framesPerSecond: perSecond, warmUpSeconds = 0 } = pace;
    const { sockets, payloads } = this.#load;
    const seconds = warmUpSeconds + this.#load.seconds;
    const frames = payloads.map(({ payload }) => frameBytes(payload));
    const schedule = new ArrivalSchedule(startMs, perSecond, seconds);
    this.#schedule = schedule;
    this.#onSettled = (socket, count) => this.#observe(schedule, perSecond * warmUpSeconds, socket, count);
    let issued = 0;
    const sendDue = () => {
      for (const due = schedule.dueBy(performance.now()); issued < due; issued++) {
        const socket = issued % sockets;
        this.#socket(socket).send(frames[socket % frames.length] as Buffer);
        this.#sentFrames[socket] = this.#sent(socket) + 1;
      }
      return issued === schedule.total;
    };
    await this.#until(sendDue, startMs + seconds * 1000 + ANSWERS_WITHIN_MS);
  }

  /** The frames of a socket are every `sockets`-th of the schedule, and are settled in their order. */
  #observe(schedule: ArrivalSchedule, firstCounted: number, socket: number, count: number): void {
    const nowMs = performance.now();
    const { settled } = this.#socket(socket);
    for (let frame = settled - count; frame < settled; frame++) {
      const event = frame * this.#load.sockets + socket;
      if (event >= firstCounted) observe(this.#latencies, nowMs - schedule.dueAtMs(event));
    }
  }

  #until(isDone: () => boolean, deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const tick = setInterval(() => {
        if (!isDone() && performance.now() < deadlineMs) return;
        clearInterval(tick);
        resolve();
      }, TICK_MS);
    });
  }

  #account(): Omit<SocketResult, 'measuredStates' | 'measuredSeconds'> {
    const statesOf = (socket: number, frames: number) => frames * this.#payloadOf(socket).states;
    return {
      acknowledged: Uint32Array.from(this.#sockets, ({ settled, refused }, i) => statesOf(i, settled - refused)),
      sent: Uint32Array.from(this.#sentFrames, (sent, i) => statesOf(i, sent)),
      refusedFrames: this.#sockets.reduce((sum, { refused }) => sum + refused, 0),
      unansweredFrames: this.#unanswered(),
      latency: this.#schedule === undefined ? undefined : latencyOf(this.#latencies),
    };
  }

  #unanswered(): number {
    return this.#sockets.reduce((sum, { settled }, i) => sum + this.#sent(i) - settled, 0);
  }

  #sent(socket: number): number {
    return this.#sentFrames[socket] as number;
  }

  #socket(socket: number): DeviceSocket {
    return this.#sockets[socket] as DeviceSocket;
  }

  #payloadOf(socket: number): FramePayload {
    return this.#load.payloads[socket % this.#load.payloads.length] as FramePayload;
  }
}
