import type { FramePayload, SocketPace } from '../loads/socket-load.js';
import { listBody, SMALL_BODY } from '../loads/state-bodies.js';
import { totalUs } from '../measure/cpu-cost.js';
import { Recorder } from '../measure/recorder.js';
import { subjectBars } from '../report/panels-of.js';
import { Site } from '../site.js';
import { Peers } from '../subjects/peers.js';
import type { Subject } from '../subjects/subject.js';
import { type Bench, type BenchContext, type BenchResult, scaled } from './bench.js';
import { Notes } from './notes.js';
import { percentiles } from './open-http.js';
import { runSockets, socketExpectation } from './run-sockets.js';
import { byTurns } from './turns.js';

const SOCKETS = 500;
const OPEN_SHARES = [0.25, 0.5, 0.75];
/** What the client can send frame by frame, each in its own time, beside a proxy on the same two cores. */
const MOST_FRAMES_PER_SECOND = 80_000;
const WARM_UP_SECONDS = 1;

/** Unsettled frames a socket, and how many are written at once: enough that the generator is not the limit. */
const FULL_SPEED: SocketPace = { kind: 'closed', window: 128, batch: 64 };
const FULL_SPEED_LISTS: SocketPace = { kind: 'closed', window: 16, batch: 8 };

const ONE: FramePayload = { payload: SMALL_BODY.text, states: 1 };
const TWENTY: FramePayload = { payload: listBody(20).text, states: 20 };

export const websocket: Bench = {
  name: 'websocket',
  title: 'WebSocket, 500 sockets, one state a frame and 20 states a frame',
  async run(context) {
    const sockets = scaled(context, SOCKETS, 10);
    const site = await Site.open(context, { kind: 'light', devices: sockets, equalLengths: true });
    const peers = await Peers.start({ names: ['bare'], directory: context.directory });
    try {
      return await new WebSocketRun(context, sockets, site, peers).run();
    } finally {
      await peers.stop();
      await site.close();
    }
  },
};

class WebSocketRun {
  readonly #recorder = new Recorder();
  readonly #notes = new Notes();
  readonly #context: BenchContext;
  readonly #sockets: number;
  readonly #site: Site;
  readonly #peers: Peers;

  constructor(context: BenchContext, sockets: number, site: Site, peers: Peers) {
    this.#context = context;
    this.#sockets = sockets;
    this.#site = site;
    this.#peers = peers;
  }

  async run(): Promise<BenchResult> {
    const subjects = [this.#site.proxy, ...this.#peers.running];
    for (const subject of subjects) await this.#load(subject, ONE, FULL_SPEED, WARM_UP_SECONDS, undefined);
    await this.#atFullSpeed(subjects, 'one state a frame', ONE, FULL_SPEED);
    await this.#atFullSpeed(subjects, '20 states a frame', TWENTY, FULL_SPEED_LISTS);
    const atFullSpeed = this.#recorder.median('one state a frame', 'states a second') as number;
    const most = Math.min(atFullSpeed, MOST_FRAMES_PER_SECOND);
    if (most < atFullSpeed)
      this.#notes.add(`constant arrivals are shares of what the client can send, ${most} frames/s`);
    for (const share of OPEN_SHARES) {
      const pace: SocketPace = { kind: 'open', framesPerSecond: most * share, warmUpSeconds: WARM_UP_SECONDS };
      const scenario = `open loop at ${share} of the most`;
      await byTurns(this.#context, scenario, [this.#site.proxy], (proxy) =>
        this.#load(proxy, ONE, pace, this.#context.seconds, scenario),
      );
    }
    return this.#result();
  }

  #atFullSpeed(subjects: readonly Subject[], scenario: string, payload: FramePayload, pace: SocketPace): Promise<void> {
    return byTurns(this.#context, scenario, subjects, (subject) =>
      this.#load(subject, payload, pace, this.#context.seconds, scenario),
    );
  }

  async #load(
    subject: Subject,
    payload: FramePayload,
    pace: SocketPace,
    seconds: number,
    scenario: string | undefined,
  ): Promise<void> {
    const load = { port: subject.port, firstDevice: 0, sockets: this.#sockets, payloads: [payload], seconds, pace };
    const measured =
      subject.name === 'stateway'
        ? await this.#site.measured(
            scenario,
            () => runSockets(load),
            (result) => socketExpectation(0, result),
          )
        : undefined;
    const result = measured?.result ?? (await runSockets(load));
    if (scenario === undefined) return;
    this.#notes.generator('the client', subject.name, scenario, result.generatorShare);
    this.#notes.failures(subject.name, scenario, result.refusedFrames, result.unansweredFrames);
    this.#recorder.addAll(scenario, subject.name, {
      'states a second': result.measuredStates / result.measuredSeconds,
      ...(result.latency === undefined ? {} : percentiles(result.latency)),
      'load generator': result.generatorShare,
      ...(measured === undefined ? {} : { 'CPU a state': totalUs(measured.cpu) }),
    });
  }

  #result(): BenchResult {
    const measures = this.#recorder.measures();
    const fullSpeed = measures.filter(({ scenario }) => !scenario.startsWith('open loop'));
    return {
      measures,
      cpu: this.#site.costs(),
      account: this.#site.account(),
      notes: [...this.#notes.all(), ...this.#site.complaints()],
      panels: [
        subjectBars('States a second', fullSpeed, 'states a second'),
        subjectBars('99 of 100 frames acknowledged within, constant arrivals', measures, 'p99'),
      ],
    };
  }
}
