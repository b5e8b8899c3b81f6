import { SPILL_ABOVE_BYTES } from '../core/bounds.js';
import type { CloudClient } from '../core/cloud-port.js';
import type { LetterCause, StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { DeviceReport } from '../core/device-report.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { Grant } from '../core/grant.js';
import type { Load } from '../core/machine/loop-load.js';
import type { Meters } from '../core/metering/meters.js';
import type { Forwarder, LaneCounts, ProofResult, ReadyBody } from '../core/ports.js';
import type { RecordMemory } from '../core/record-memory.js';
import type { BacklogSummary, OwnedSpool, Partitions, ReadRecord, Recovered } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import type { StoredTimeClock } from '../core/time/stored-time-clock.js';
import { DeviceLook, LastStates } from './device-look.js';
import { DeviceWatch } from './device-watch.js';
import type { Lane } from './lane/lane.js';
import { LaneTable } from './lane/lane-table.js';
import { MemoryLedger } from './lane/memory-ledger.js';
import { NOT_SENT } from './lane/proofs.js';
import { CloudHealth, type CloudHealthParts } from './schedule/cloud-health.js';
import { AnswerTimes, Ending } from './schedule/ending.js';
import { LaneFiller } from './schedule/lane-filler.js';
import { Schedule } from './schedule/schedule.js';
import { SendBudget } from './schedule/send-budget.js';
import { Spiller } from './schedule/spiller.js';
import { StartPace } from './schedule/start-pace.js';
import { Expiry } from './send/expiry.js';
import { HeldApartOfAll } from './send/held-apart.js';
import { Sender, type SenderOptions } from './send/sender.js';
import type { SendTimes } from './send/time-question.js';

/** Requests to the cloud at one time, all lanes together: what the line and the cloud's front bear from one plant. */
export const MAX_REQUESTS_IN_FLIGHT = 128;

export interface LanesOptions extends SenderOptions {
  /** Undeliverable states that have waited longer become dead letters (`STATEWAY_RETENTION_MS`). */
  readonly retentionMs: number;
  /** Of all lanes together (`STATEWAY_UPLINK_BYTES_PER_SECOND`); undefined: no cap. */
  readonly uplinkBytesPerSecond: number | undefined;
  /** {@link SPILL_ABOVE_BYTES} unless given. */
  readonly spillAboveBytes?: number;
}

export interface LanesParts {
  readonly cloud: Pick<CloudClient, 'bodyMemory' | 'sendStates'>;
  readonly askForDevice: CloudClient['askForDevice'];
  /** Offers the lanes what is known of a device's tokens; it may be away. */
  readonly offerGrantsOf: (device: Device) => void;
  readonly partitions: Pick<Partitions, 'ownedOf'>;
  readonly clock: Clock;
  readonly storedTime: StoredTimeClock;
  /** How times that the proxy counted are corrected. */
  readonly times: SendTimes;
  readonly meters: Meters;
  readonly deviceClocks: Pick<DeviceClocks, 'outOfWindow' | 'wrong'>;
  readonly followed: FollowedDevices;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** Of the thread that runs the lanes and answers devices. */
  readonly load: Load;
  /** Where the memory of records goes that the lanes are done with. */
  readonly recordMemory: RecordMemory;
  /** Told once each time a lane is parked for what only someone's work can change; for the log. */
  readonly onParked: (device: Device, reason: string) => void;
  /** Told when the cloud takes states of a parked lane again, after how long; for the log. */
  readonly onUnparked: (device: Device, parkedMs: number) => void;
  /** Told of states that became dead letters; `status` is the cloud's, 0 when they were too old. For the log. */
  readonly onGivenUp: (device: Device, states: number, status: number, cause: LetterCause) => void;
  /** Told when the whole cloud goes down, and what its last failure was, and when it is back; for the log. */
  readonly onCloudChange: CloudHealthParts['onChange'];
  /** Whether the cloud answers, by all calls to it: until then no device is at fault for what fails. */
  readonly doesCloudAnswer: () => boolean;
}

/** The forward stage: a lane per active device, and what stands around the lanes. */
export class Lanes implements Forwarder {
  /** What they know of single devices. */
  readonly look: DeviceLook;
  readonly #partitions: Pick<Partitions, 'ownedOf'>;
  readonly #memory: MemoryLedger;
  readonly #health: CloudHealth;
  readonly #table: LaneTable;
  readonly #spiller: Spiller;
  readonly #watch: DeviceWatch;
  readonly #heldApart: HeldApartOfAll;
  readonly #ending: Ending;
  readonly #schedule: Schedule;
  readonly #filler: LaneFiller;

  constructor(options: LanesOptions, parts: LanesParts) {
    const { storedTime, clock, random } = parts;
    const { maxBodyBytes, rateLimit, retentionMs, windowMs, spillAboveBytes = SPILL_ABOVE_BYTES } = options;
    this.#partitions = parts.partitions;
    const memory = new MemoryLedger(parts.recordMemory);
    this.#memory = memory;
    const health = new CloudHealth({ clock, random, onChange: (...change) => this.#onCloudChange(change, parts) });
    const table = new LaneTable(rateLimit, { clock, memory });
    const expiry = new Expiry(retentionMs, { clock, storedTime, times: parts.times });
    const budget = new SendBudget(options.uplinkBytesPerSecond);
    const pace = new StartPace(windowMs, { load: parts.load, memory });
    const answerTimes = new AnswerTimes();
    this.#ending = new Ending(clock, answerTimes);
    const heldApart = new HeldApartOfAll({ clock, retentionMs, onDue: (letter) => this.#tryApart(letter, parts) });
    const onTried = heldApart.tried.bind(heldApart);
    const onSetApart = heldApart.added.bind(heldApart);
    const onRead = () => this.#schedule.serve();
    const around = { health, budget, expiry, answerTimes, onTried, onSetApart, onRead };
    const sender = new Sender(options, { ...parts, ...around });
    const spiller = new Spiller(
      { spillAboveBytes, maxBodyBytes, pieceSpanMs: expiry.pieceSpanMs },
      {
        clock,
        memory,
        storedTime,
        lanes: () => table.all(),
        isCloudUp: () => health.isUp,
        onSpilled: (lane) => this.#onSpilled(lane),
      },
    );
    this.#health = health;
    this.#table = table;
    this.#spiller = spiller;
    this.#heldApart = heldApart;
    this.#watch = new DeviceWatch({ ...parts, table, health, heldApart });
    const lastStates = new LastStates(clock);
    this.look = new DeviceLook({ table, watch: this.#watch, lastStates });
    this.#schedule = new Schedule(
      { maxBodyBytes, windowMs, maxRequestsInFlight: MAX_REQUESTS_IN_FLIGHT },
      { clock, random, table, sender, spiller, expiry, health, budget, pace, ending: this.#ending },
    );
    this.#filler = new LaneFiller(maxBodyBytes, { ...parts, table, memory, lastStates, schedule: this.#schedule });
  }

  async onOwned(spool: OwnedSpool): Promise<void> {
    this.takeOver(spool, await spool.open());
  }

  /** Takes up what was found in a partition before anything of it is sent, since backlog goes first. */
  takeOver(spool: OwnedSpool, { backlogs }: Recovered): void {
    if (this.#schedule.isStopped) return;
    this.#table.own(spool);
    for (const summary of backlogs) this.#filler.addBacklog(spool, summary);
    spool.read((record) => this.#take(spool, record));
    this.#schedule.start();
    this.#heldApart.own(spool);
    this.#schedule.serve();
  }

  onLost(spool: OwnedSpool): void {
    this.#heldApart.lose(spool);
    for (const lane of [...this.#table.all()]) if (lane.spool === spool) this.#schedule.lose(lane);
  }

  /** Dead letters were put back that are of devices of this process: they are backlog. */
  addBacklogs(summaries: Iterable<BacklogSummary>): void {
    if (this.#schedule.isStopped) return;
    for (const summary of summaries) {
      const spool = this.#partitions.ownedOf(summary.device);
      if (spool !== undefined) this.#filler.addBacklog(spool, summary);
    }
    this.#schedule.serve();
  }

  offerGrant(grant: Grant): void {
    if (this.#schedule.isStopped) return;
    const lane = this.#table.find(grant.device.key);
    if (lane === undefined) return;
    lane.remember(grant);
    this.#schedule.plan(lane);
    this.#schedule.serve();
  }

  prove(device: Device, token: string, body: ReadyBody, isServed: boolean): Promise<ProofResult> {
    const spool = this.#partitions.ownedOf(device);
    if (spool === undefined) return Promise.resolve({ result: NOT_SENT, isOfBody: false });
    return this.#schedule.prove(this.#table.laneOf(device, spool, false), token, body, isServed);
  }

  deviceOf(deviceKey: string): Device | undefined {
    return this.#table.find(deviceKey)?.device;
  }

  /** Devices with a lane. */
  get size(): number {
    return this.#table.size;
  }

  lanes(): LaneCounts {
    return this.#table.counts(this.#health.isUp);
  }

  /** Which devices are in trouble, as of the last second. */
  devices(): DeviceReport {
    return this.#watch.report();
  }

  heldBytes(): number {
    return this.#memory.heldBytes;
  }

  isCloudUp(): boolean {
    return this.#health.isUp;
  }

  /** Wall-clock milliseconds since when the cloud is up or down; undefined before the first request showed either. */
  cloudSince(): number | undefined {
    return this.#health.sinceWallMs;
  }

  endWithin(ms: number): void {
    this.#ending.within(ms);
  }

  /**
   * Waives the coalescing window, not the rate limit, and returns as soon as no lane can send any more within the time.
   * What could not have its answer by then, as answers come at the moment, is not sent. A request that has none all the
   * same is left to its fate: its states stay in the spool and are sent again by the next run.
   * @returns how many are left so
   */
  close(withinMs: number): Promise<number> {
    this.#heldApart.stop();
    return this.#schedule.close(withinMs);
  }

  #onCloudChange(change: Parameters<CloudHealthParts['onChange']>, { onCloudChange }: LanesParts): void {
    const [isUp] = change;
    if (isUp) this.#schedule.resume();
    onCloudChange(...change);
  }

  /** Its device may be away, and this run know nothing of it. */
  #tryApart(letter: StoredDeadLetter, { offerGrantsOf }: LanesParts): boolean {
    if (this.#schedule.isStopped || !this.#health.isUp) return false;
    const spool = this.#partitions.ownedOf(letter.device);
    if (spool === undefined) return false;
    const lane = this.#table.laneOf(letter.device, spool, true);
    if (lane.apart !== undefined) return false;
    lane.tryApart(letter);
    offerGrantsOf(letter.device);
    this.#schedule.plan(lane);
    this.#schedule.serve();
    return true;
  }

  #take(spool: OwnedSpool, record: ReadRecord): void {
    if (this.#schedule.isStopped) return;
    this.#filler.add(spool, record);
    // In this order, as what goes out at once needs no place in the backlog.
    this.#schedule.serve();
    this.#spiller.relieve();
  }

  #onSpilled(lane: Lane): void {
    if (this.#schedule.isStopped) return;
    this.#schedule.plan(lane);
    this.#schedule.serve();
  }
}
