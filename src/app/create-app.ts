import type { AdminServer } from '../admin/admin-server.js';
import type { Readiness } from '../admin/admin-sources.js';
import { plainReport } from '../admin/status.js';
import type { AuthStage } from '../auth/auth-stage.js';
import type { Config } from '../config/load.js';
import { MAX_HELD_BYTES } from '../core/bounds.js';
import type { CloudTrouble, UpstreamTracing } from '../core/cloud-port.js';
import { createMeters } from '../core/metering/traced-distribution.js';
import { RecordMemory } from '../core/record-memory.js';
import type { BacklogSummary } from '../core/spool-ports.js';
import { readBootTag, systemClock } from '../core/time/clock.js';
import { StoredTimeClock } from '../core/time/stored-time-clock.js';
import type { Timekeeper } from '../core/time/timekeeper.js';
import { TurnClock } from '../core/time/turn-clock.js';
import type { Lanes } from '../forward/lanes.js';
import { RequeueWatch } from '../forward/requeue-watch.js';
import { type PickedUws, pickUws } from '../front/uws.js';
import type { Batcher } from '../intake/batcher.js';
import type { AskThread } from '../upstream/ask-thread.js';
import type { HttpCallStream } from '../upstream/call-stream.js';
import type { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import type { SendThread } from '../upstream/send-thread.js';
import type { UpstreamHealth } from '../upstream/upstream-health.js';
import type { AppSpool, OpenedSpool } from './app-spool.js';
import { Capacity } from './capacity/capacity.js';
import { Certificates } from './certificates.js';
import { createAdmin } from './create-admin.js';
import { createAuth } from './create-auth.js';
import { createCallStream } from './create-calls.js';
import {
  createDeviceClocks,
  createDeviceSide,
  createFollowed,
  createIntake,
  createUplinks,
} from './create-device-side.js';
import { createRefusals } from './create-front.js';
import { createLanes } from './create-lanes.js';
import { createAskThread, createHealth, createSendThread, createTimekeeper } from './create-upstream.js';
import { type Addresses, addressesOf, type DeviceSide, followerOf, type Phase, readinessOf } from './device-side.js';
import { HeardCloud } from './heard-cloud.js';
import { loadTracing } from './load-tracing.js';
import type { EventLog } from './log/event-log.js';
import { openAppSpool } from './open-app-spool.js';
import { PACKAGE_VERSION } from './package-info.js';
import { StoredThenForwarded } from './stored-then-forwarded.js';
import type { TroubleWatch } from './trouble-watch.js';

// Of the ten seconds that contract 1.6, promise 6, allows from SIGTERM to exit: until when devices are answered, and until
// when the cloud's answers are waited for. What follows takes little, but a busy machine may take a second for it.
const ANSWER_WITHIN_MS = 3_000;
const FLUSH_WITHIN_MS = 7_500;

/** The stages of one running proxy, wired through `core/ports.ts` and nowhere else. */
export class App {
  readonly #config: Config;
  readonly #log: EventLog;
  readonly #health: UpstreamHealth;
  readonly #tracing: UpstreamTracing | undefined;
  readonly #cloud: HeardCloud;
  readonly #sends: SendThread;
  readonly #asks: AskThread;
  readonly #calls: HttpCallStream;
  readonly #uplinks: UplinkSessions | undefined;
  readonly #opened: OpenedSpool;
  readonly #spool: AppSpool;
  readonly #lanes: Lanes;
  readonly #troubles: TroubleWatch;
  readonly #requeueWatch: RequeueWatch;
  readonly #auth: AuthStage;
  readonly #sink: StoredThenForwarded;
  readonly #capacity: Capacity;
  readonly #intake: Batcher;
  readonly #devices: DeviceSide;
  readonly #certificates: Certificates;
  readonly #admin: AdminServer;
  readonly #picked: PickedUws;
  #phase: Phase = 'starting';

  /**
   * Opens the spool and builds every stage; nothing listens yet.
   * @throws SpoolOpenError when the data directory cannot be used
   * @throws StatewayError when the servers of NATS cannot be used
   * @throws SecretKeyError when the stored grants cannot be opened
   */
  static async open(config: Config, log: EventLog): Promise<App> {
    const bootTag = readBootTag();
    const tracing = await loadTracing(config, PACKAGE_VERSION, log);
    const timekeeper = createTimekeeper(log, bootTag);
    const opened = await openAppSpool(config, log, timekeeper, bootTag);
    try {
      timekeeper.open(opened.spool.timebaseStore);
      return new App(config, log, opened, timekeeper, tracing);
    } catch (error) {
      await opened.spool.close();
      throw error;
    }
  }

  private constructor(
    config: Config,
    log: EventLog,
    opened: OpenedSpool,
    timekeeper: Timekeeper,
    tracing: UpstreamTracing | undefined,
  ) {
    const { spool } = opened;
    this.#config = config;
    this.#opened = opened;
    this.#tracing = tracing;
    this.#log = log;
    this.#picked = pickUws();
    const clock = systemClock;
    const turnClock = new TurnClock(timekeeper);
    const meters = createMeters(config, clock);
    const recordMemory = new RecordMemory();
    const followed = createFollowed(config, log, (deviceIds) => this.#devices?.follow(deviceIds));
    const refusals = createRefusals(log, turnClock, followed);
    const deviceClocks = createDeviceClocks(config, log, { clock, timekeeper, meters });
    const health = createHealth(log, { clock, meters, cloud: () => this.#cloud, spool, uplinks: () => this.#uplinks });
    this.#health = health;
    // What states find out, which are sent most, holds for all other calls too.
    this.#sends = createSendThread(config, () => {
      this.#cloud.renewConnections();
      this.#calls.renewConnections();
      this.#devices.renewCalls();
    });
    const onCallTrouble = (trouble: CloudTrouble) => health.failed('passed call', trouble);
    const onCallDoubt = () => health.doubt();
    this.#calls = createCallStream(config, { onTrouble: onCallTrouble, onDoubt: onCallDoubt });
    this.#uplinks = createUplinks(config, log, meters);
    this.#spool = spool;
    const storedTime = new StoredTimeClock(clock, config.retentionMs, spool.wallOffsetMs);
    this.#asks = createAskThread(config);
    this.#cloud = new HeardCloud(this.#asks, this.#sends, timekeeper, health);
    const cloud = tracing?.cloud(this.#cloud) ?? this.#cloud;
    const { lanes, troubles } = createLanes(config, log, {
      cloud,
      offerGrantsOf: (device) => this.#auth.offerGrantsOf(device),
      partitions: spool,
      timekeeper,
      storedTime,
      meters,
      deviceClocks,
      followed,
      recordMemory,
      onCloudChange: (isUp, trouble) => health.noteLanes(isUp, trouble),
      doesCloudAnswer: () => health.isUp,
    });
    this.#lanes = lanes;
    this.#troubles = troubles;
    const later = {
      accepted: () => this.#devices.answered(),
      committer: () => committer,
      follower: followerOf(() => this.#devices),
    };
    const forAuth = { cloud, clock: turnClock, timekeeper, meters, deviceClocks, log, opened, ...later };
    this.#auth = createAuth(config, { ...forAuth, lanes });
    this.#requeueWatch = new RequeueWatch({
      spool,
      clock,
      onRequeued: (added) => this.#takeUpRequeued(added),
      onError: (error) =>
        log.error({ event: 'requeue-failed', err: error }, 'what `stateway spool` asked for could not be done'),
    });
    const { maxSpoolBytes } = config;
    const limits = { maxHeldBytes: MAX_HELD_BYTES, isMemoryShort: () => this.#capacity.isMemoryShort };
    this.#sink = new StoredThenForwarded(this.#spool, lanes, timekeeper, limits);
    const { committer, intake } = createIntake(config, {
      sink: this.#sink,
      recordMemory,
      clock: turnClock,
      timebases: timekeeper,
      storedTime,
      meters,
      deviceClocks,
      followed,
      stampFloorMs: spool.stampFloorMs,
      isStampedByOwner: opened.isStampedByOwner,
    });
    this.#intake = intake;
    this.#capacity = new Capacity({ log, maxSpoolBytes, spool, lanes, auth: this.#auth, sink: this.#sink });
    this.#devices = createDeviceSide(config, log, {
      auth: this.#auth,
      bound: this.#capacity.devices,
      calls: tracing?.calls(this.#calls) ?? this.#calls,
      clock: turnClock,
      committer,
      deviceClocks,
      followed,
      intake: this.#intake,
      lanes,
      letters: this.#sink,
      meters,
      recordMemory,
      refusals,
      timekeeper,
      uplinks: this.#uplinks,
      uws: this.#picked.uws,
      onCallTrouble,
      onCallDoubt,
    });
    this.#admin = createAdmin(config, {
      uws: this.#picked.name,
      meters,
      storedTime,
      readiness: () => this.#readiness(),
      replicas: opened.replicas,
      health,
      spool,
      lanes,
      auth: this.#auth,
      capacity: this.#capacity,
      devices: this.#devices,
      refusals,
      followed,
      certificates: () => this.#certificates,
      uplinks: this.#uplinks,
      log,
    });
    this.#certificates = new Certificates(config, log, {
      clock,
      renew: { device: () => this.#devices.renewCertificate(), admin: () => this.#admin.renewCertificate() },
    });
  }

  /**
   * Sends on what the last run left, then listens.
   * @throws Error when an address cannot be had
   */
  async start(): Promise<Addresses> {
    const { adminListen } = this.#config;
    this.#sends.start();
    this.#asks.start();
    this.#health.start();
    this.#capacity.start();
    this.#opened.tellOthers(() => JSON.stringify(plainReport(this.#lanes.devices())));
    const admin = await this.#admin.listen(adminListen.host, adminListen.port);
    await this.#spool.start(this.#lanes);
    const replayed = { replayedRecords: this.#spool.leftRecords, replayedStates: this.#spool.status().states };
    const restoredGrants = this.#auth.restore();
    this.#capacity.clearAfterStart();
    const ports = await this.#devices.listen();
    this.#certificates.start();
    this.#phase = 'accepting states';
    this.#requeueWatch.start();
    this.#troubles.start();
    const addresses = addressesOf(this.#config, admin, ports);
    this.#log.info(
      { event: 'ready', version: PACKAGE_VERSION, uws: this.#picked.name, ...addresses, ...replayed, restoredGrants },
      `ready on ${addresses.listen}`,
    );
    return addresses;
  }

  /** Reads the TLS files again, now and not at the next look. Never rejects. */
  async reload(): Promise<void> {
    const tls = this.#certificates.count > 0;
    this.#log.info({ event: 'reload', tls }, 'asked to read the TLS files again');
    await this.#certificates.look();
  }

  /** Stops accepting, answers what was accepted, sends what the time allows, and ends every stage (promise 6). */
  async close(): Promise<void> {
    this.#phase = 'draining';
    this.#log.info({ event: 'draining' }, 'draining');
    const startedMs = systemClock.monotonicMs();
    this.#certificates.stop();
    this.#lanes.endWithin(FLUSH_WITHIN_MS);
    await this.#devices.close(ANSWER_WITHIN_MS);
    const uplinksClosed = this.#uplinks?.close();
    await this.#calls.close();
    await this.#intake.close();
    await this.#requeueWatch.stop();
    this.#capacity.stop();
    this.#troubles.stop();
    const unansweredRequests = await this.#lanes.close(startedMs + FLUSH_WITHIN_MS - systemClock.monotonicMs());
    this.#health.stop();
    await this.#auth.close();
    // Before the spool, which it reads.
    await this.#admin.close();
    const { states } = this.#spool.status();
    await this.#spool.close();
    await Promise.all([this.#cloud.close(), this.#sends.close(), uplinksClosed]);
    await this.#tracing?.close();
    this.#log.info({ event: 'stopped', waitingStates: states, unansweredRequests }, 'stopped');
  }

  /** Their devices may be away: what is known of their tokens is offered to the lanes that this may have made. */
  #takeUpRequeued(added: readonly BacklogSummary[]): void {
    this.#lanes.addBacklogs(added);
    for (const { device } of added) this.#auth.offerGrantsOf(device);
  }

  #readiness(): Readiness {
    return readinessOf({
      phase: this.#phase,
      diskFault: this.#spool.diskFault,
      isAway: this.#opened.isAway(),
      shortage: this.#sink.shortage(),
      areNewDevicesRefused: this.#capacity.devices.isFull(),
      isServing: this.#devices.isServing,
    });
  }
}
