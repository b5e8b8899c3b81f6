import type { MessagePort } from 'node:worker_threads';
import type { Config } from '../config/load.js';
import type { UpstreamTracing } from '../core/cloud-port.js';
import { FollowedDevices } from '../core/followed-devices.js';
import { HeapTrim } from '../core/machine/heap-trim.js';
import { type HeapUse, HeapWatch } from '../core/machine/heap-watch.js';
import { createMeters } from '../core/metering/traced-distribution.js';
import { RecordMemory } from '../core/record-memory.js';
import { systemClock } from '../core/time/clock.js';
import { TurnClock } from '../core/time/turn-clock.js';
import { MqttRelay } from '../front/mqtt-relay.js';
import { Front } from '../front/server.js';
import { pickUws } from '../front/uws.js';
import type { ClockReading, FromFront, ToFront } from '../hub/front-messages.js';
import { FrontNews } from '../hub/front-news.js';
import { HubAuthorizer, HubLogin } from '../hub/hub-authorizer.js';
import { HubClock } from '../hub/hub-clock.js';
import { HubCommitter } from '../hub/hub-committer.js';
import { HubLines } from '../hub/hub-lines.js';
import { HubQuestions } from '../hub/hub-questions.js';
import { MirroredGrants } from '../hub/mirrored-grants.js';
import { Outbox } from '../hub/outbox.js';
import { errorOf } from '../hub/plain-error.js';
import { RefusalRelay } from '../hub/refusal-relay.js';
import { Batcher } from '../intake/batcher.js';
import { LatePool } from '../intake/late-pool.js';
import { LateCalls } from '../upstream/late-calls.js';
import { deviceTlsFiles } from './certificates.js';
import { frontLimits } from './front-limits.js';
import { loadTracing } from './load-tracing.js';
import { PACKAGE_VERSION } from './package-info.js';

/** The options that a front thread goes by. */
export const FRONT_OPTIONS = [
  'exemplars',
  'fronts',
  'listen',
  'maxBodyBytes',
  'name',
  'passthrough',
  'tlsCertFile',
  'tlsKeyFile',
  'upstreamCaFile',
  'upstreamProxy',
  'upstreamUrl',
  'workers',
] as const satisfies readonly (keyof Config)[];

export type FrontConfig = Pick<Config, (typeof FRONT_OPTIONS)[number]>;

/** What a front thread is started with. */
export interface FrontData {
  readonly config: FrontConfig;
  /** Which the fronts share. */
  readonly port: number;
  /** Event streams of all fronts together. */
  readonly streams: number;
  readonly reading: ClockReading;
  readonly followed: readonly string[];
}

/**
 * A front thread, as it sees itself: the same front as in the main thread, whose ports lead to the hub by messages
 * (docs/architecture.md, "Threads").
 */
export class FrontService {
  readonly #port: MessagePort;
  readonly #outbox: Outbox<FromFront>;
  readonly #clock: HubClock;
  readonly #followed: FollowedDevices;
  readonly #grants: MirroredGrants;
  readonly #questions: HubQuestions;
  readonly #committer: HubCommitter;
  readonly #lines: HubLines;
  readonly #intake: Batcher;
  readonly #calls: LateCalls;
  readonly #tracing: UpstreamTracing | undefined;
  readonly #front: Front;
  readonly #news: FrontNews;
  readonly #trim = new HeapTrim({ clock: systemClock });
  readonly #heapWatch = new HeapWatch({ clock: systemClock, onFull: (use) => this.#endFull(use) });

  /** Serves devices until the hub says that it shall not, or it dies. */
  static async run(port: MessagePort, data: FrontData): Promise<void> {
    const outbox = new Outbox<FromFront>(port as never);
    const tracing = await loadTracing(data.config, PACKAGE_VERSION, {
      warn: ({ reason }) => outbox.add({ kind: 'tracing trouble', reason: String(reason) }),
    });
    try {
      await new FrontService(port, data, outbox, tracing).#start();
    } catch (error) {
      outbox.addLast({ kind: 'failed', reason: (error as Error).message });
      process.exit(1);
    }
  }

  private constructor(
    port: MessagePort,
    { config, port: devicePort, streams, reading, followed }: FrontData,
    outbox: Outbox<FromFront>,
    tracing: UpstreamTracing | undefined,
  ) {
    this.#port = port;
    this.#outbox = outbox;
    this.#tracing = tracing;
    this.#clock = new HubClock(reading);
    const clock = new TurnClock(this.#clock);
    const meters = createMeters(config, clock);
    const recordMemory = new RecordMemory();
    this.#followed = new FollowedDevices(({ applicationId, deviceId }, step, told) =>
      outbox.add({ kind: 'step', device: { applicationId, deviceId }, step, told }),
    );
    this.#followed.follow(followed);
    this.#committer = new HubCommitter(outbox, recordMemory);
    const threads = Math.max(1, Math.floor(config.workers / config.fronts));
    this.#intake = new Batcher({
      runner: new LatePool(threads, async () => (await import('./batch-pool.js')).startBatchPool(threads)),
      committer: this.#committer,
      recordMemory,
      clock,
      meters,
      times: this.#clock,
      followed: this.#followed,
      maxStateBytes: config.maxBodyBytes,
    });
    this.#grants = new MirroredGrants(clock, outbox);
    this.#questions = new HubQuestions(outbox, this.#grants);
    this.#lines = new HubLines(outbox);
    this.#calls = new LateCalls(async () =>
      (await import('./create-calls.js')).createCallStream(config, {
        onTrouble: (trouble) => outbox.add({ kind: 'call trouble', trouble }),
        onDoubt: () => outbox.add({ kind: 'call doubt' }),
      }),
    );
    const refusals = new RefusalRelay(this.#followed);
    const tls = deviceTlsFiles(config);
    this.#front = new Front({
      uws: pickUws().uws,
      listen: { host: config.listen.host, port: devicePort, isShared: true },
      ...(tls && { tls }),
      ...frontLimits(config, streams, config.fronts),
      authorizer: new HubAuthorizer(this.#grants, this.#questions, clock, meters),
      deviceLogin: new HubLogin(this.#questions),
      intake: this.#intake,
      calls: tracing?.calls(this.#calls) ?? this.#calls,
      mqtt: (context) => new MqttRelay(context, (peer, address, near) => this.#lines.open(peer, address, near)),
      meters,
      refusals,
      clock,
      onSocket: (deviceId, change) => this.#news.noteSocket(deviceId, change),
    });
    this.#news = new FrontNews({
      clock: systemClock,
      outbox,
      meters,
      refusals,
      connections: () => {
        const { http, websocket } = this.#front.connections();
        return { http, websocket };
      },
      openBodies: () => this.#intake.backlog().bodies,
    });
  }

  async #start(): Promise<void> {
    this.#port.on('message', (items: readonly ToFront[]) => {
      for (const item of items) this.#take(item);
    });
    // However it comes to its end: with a socket of uWebSockets.js left open, the end of a thread is that of the process.
    process.on('exit', () => {
      this.#front.cutAll();
      this.#news.tell();
      this.#outbox.post();
    });
    await this.#front.listen();
    this.#news.start();
    this.#trim.start();
    this.#heapWatch.start();
    this.#outbox.addLast({ kind: 'listening' });
  }

  #take(item: ToFront): void {
    switch (item.kind) {
      case 'committed':
        this.#committer.onCommitted(item.id, item.error, item.spare);
        break;
      case 'answer':
        this.#questions.onAnswer(item.id, item.answer);
        break;
      case 'no answer':
        this.#questions.onError(item.id, item.error);
        break;
      case 'ended':
        this.#grants.end(item.grant, errorOf(item.error));
        break;
      case 'dropped':
        this.#grants.drop(item.grant);
        break;
      case 'clock disproved':
        this.#grants.noteClock(item.grant, item.isClockDisproved);
        break;
      case 'clock':
        this.#clock.set(item.reading);
        break;
      case 'follow':
        this.#followed.follow(item.deviceIds);
        break;
      case 'line':
        this.#lines.take(item);
        break;
      case 'barrier':
        void this.#intake.answered().then(() => this.#outbox.add({ kind: 'answered', id: item.id }));
        break;
      case 'renew':
        void this.#renew(item.id);
        break;
      case 'renew calls':
        this.#calls.renewConnections();
        break;
      case 'close':
        void this.#close(item.withinMs);
        break;
    }
  }

  async #renew(id: number): Promise<void> {
    const reason = await this.#front.renewCertificate().then(
      () => undefined,
      (error: Error) => error.message,
    );
    this.#outbox.add({ kind: 'renewed', id, reason });
  }

  /** As the main thread closes what it has of the same. */
  async #close(withinMs: number): Promise<void> {
    await this.#front.close(withinMs);
    await this.#calls.close();
    await this.#intake.close();
    await this.#tracing?.close();
    this.#news.stop();
    this.#trim.stop();
    this.#heapWatch.stop();
    process.exit();
  }

  /** While there is room for it: at the limit nothing more of it would run, and the process would end with it. */
  #endFull({ usedBytes, limitBytes }: HeapUse): void {
    const [used, limit] = [usedBytes, limitBytes].map((bytes) => Math.round(bytes / (1024 * 1024)));
    this.#outbox.add({ kind: 'failed', reason: `its heap is full: ${used} of ${limit} MiB` });
    process.exit(1);
  }
}
