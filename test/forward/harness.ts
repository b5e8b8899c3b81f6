import type { AskResult, CloudClient, CloudDate, LogInResult, SendResult } from '../../src/core/cloud-port.js';
import type { LetterCause } from '../../src/core/dead-letter.js';
import { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import { FollowedDevices } from '../../src/core/followed-devices.js';
import { Grant } from '../../src/core/grant.js';
import { Meters } from '../../src/core/metering/meters.js';
import { RecordMemory } from '../../src/core/record-memory.js';
import type { DeviceClocks } from '../../src/core/time/device-clocks.js';
import { StoredTimeClock } from '../../src/core/time/stored-time-clock.js';
import { noCorrections } from '../../src/core/time/timebase.js';
import { Lane } from '../../src/forward/lane/lane.js';
import { MemoryLedger } from '../../src/forward/lane/memory-ledger.js';
import { Pacing } from '../../src/forward/lane/pacing.js';
import { JournalRecord, WaitingChunk } from '../../src/forward/lane/waiting-chunk.js';
import { Lanes, type LanesOptions } from '../../src/forward/lanes.js';
import { RecordView } from '../../src/state/record-layout.js';
import { deviceClocksBy } from '../helpers/device-clocks.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { buildRecord, type TestState } from '../helpers/records.js';
import { NotedSpool } from './noted-spool.js';

export const DAY_MS = 86_400_000;
export const TIME_ZERO = Date.UTC(2026, 0, 1);

/** The n-th device of one application. */
export function deviceOf(n: number): Device {
  return new Device('5'.repeat(24), n.toString(16).padStart(24, '0'));
}

export function answer(status: number, retryAfterMs?: number, message = ''): SendResult {
  return { kind: 'answer', status, retryAfterMs, message, isCloudsOwn: true, cloudDate: undefined };
}

export const LOST: SendResult = {
  kind: 'failure',
  mayArriveLater: true,
  openMs: 0,
  reason: 'timeout',
  words: 'no answer',
};
export const REFUSED: SendResult & { kind: 'failure' } = {
  kind: 'failure',
  mayArriveLater: false,
  openMs: 0,
  reason: 'refused',
  words: 'ECONNREFUSED',
};

export interface SentState {
  readonly time: number;
  readonly data: Record<string, number>;
}

export interface SentRequest {
  readonly device: Device;
  readonly token: string;
  readonly body: string;
  readonly states: readonly SentState[];
  /** `v` of each state's data. */
  readonly values: (number | undefined)[];
  readonly atMs: number;
}

/** A cloud that notes what it gets and answers as the test says; 200 at once unless told otherwise. */
export class ScriptedCloud implements CloudClient {
  readonly requests: SentRequest[] = [];
  respond: (request: SentRequest, number: number) => SendResult | Promise<SendResult> = () => answer(200);
  inFlight = 0;
  mostInFlight = 0;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  bodyMemory(byteLength: number): Buffer {
    return Buffer.allocUnsafe(byteLength);
  }

  async sendStates(device: Device, token: string, bytes: Uint8Array): Promise<SendResult> {
    const body = Buffer.from(bytes).toString();
    const states = JSON.parse(body) as SentState[];
    const values = states.map((state) => state.data.v);
    const request = { device, token, body, states, values, atMs: this.#clock.monotonicMs() };
    this.requests.push(request);
    this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
    const result = await this.respond(request, this.requests.length - 1);
    this.inFlight--;
    return result;
  }

  /** All values that came, in order. */
  get values(): (number | undefined)[] {
    return this.requests.flatMap((request) => request.values);
  }

  get sentAtMs(): number[] {
    return this.requests.map((request) => request.atMs);
  }

  /** What the cloud says when it is asked for a device. */
  onAsk: () => AskResult = () => ({ kind: 'failure', reason: 'refused', words: 'no connection' });
  asked = 0;

  async askForDevice(): Promise<AskResult> {
    this.asked++;
    return this.onAsk();
  }

  checkDevice(): Promise<AskResult> {
    return this.askForDevice();
  }

  logIn(): Promise<LogInResult> {
    throw new Error('not the forward stage');
  }

  async close(): Promise<void> {}
}

/** Spoils what is given back, as the next record would: whoever still reads it sends rubbish. */
class SpoilingMemory extends RecordMemory {
  override giveBack(buffer: ArrayBuffer): void {
    new Uint8Array(buffer).fill(0xff);
  }
}

/** The lanes with everything around them, on a clock that the test moves. */
export class Harness {
  readonly clock: FakeClock;
  readonly cloud: ScriptedCloud;
  readonly spool: NotedSpool;
  readonly meters = new Meters();
  readonly deviceClocks: DeviceClocks;
  /** Steps of devices that are followed. */
  readonly steps: unknown[] = [];
  readonly followed = new FollowedDevices((device, step, told) =>
    this.steps.push([device.deviceId.slice(-2), step, told]),
  );
  /** How busy the thread says it is. */
  loadShare = 0;
  readonly parked: string[] = [];
  /** Devices whose tokens were asked for. */
  readonly offered: Device[] = [];
  readonly known = new Set<string>(); // Keys of devices that have a grant by which no state of this run came.
  readonly unparked: string[] = [];
  readonly givenUp: { device: string; states: number; status: number; cause: LetterCause }[] = [];
  /** As all calls to the cloud together have it. */
  doesCloudAnswer = true;
  /** What was told of the cloud, and when. */
  readonly cloudChanges: { isUp: boolean; atMs: number }[] = [];
  readonly lanes: Lanes;
  /** What is decided of times that the proxy counted: nothing has to be, unless a test says so. */
  readonly times = {
    corrections: noCorrections(),
    canDecide: true,
    hear: (_date: CloudDate) => {},
    isCredible: true,
    decide: async () => true,
    wallMs: () => this.clock.wallMs(),
    monotonicMs: () => this.clock.monotonicMs(),
  };
  /** Undefined while another process owns it. */
  partitionOf: (device: Device) => NotedSpool | undefined = () => this.spool;
  readonly #grants = new Map<string, Grant>();
  #sequence = 0;
  #value = 0;

  constructor(
    options: Partial<LanesOptions> = {},
    random: () => number = () => 1,
    spool = new NotedSpool(),
    clock = new FakeClock(TIME_ZERO),
  ) {
    this.spool = spool;
    this.clock = clock;
    this.cloud = new ScriptedCloud(clock);
    const { cloud, meters } = this;
    this.deviceClocks = deviceClocksBy(clock, meters).deviceClocks;
    const nameOf = (device: Device) => device.deviceId.slice(-2);
    this.lanes = new Lanes(
      {
        windowMs: 500,
        coalesce: 'merge',
        rateLimit: { requests: 30, windowMs: 15_000 },
        maxBodyBytes: 262_144,
        upstreamToken: undefined,
        retentionMs: 30 * DAY_MS,
        uplinkBytesPerSecond: undefined,
        ...options,
      },
      {
        clock,
        storedTime: new StoredTimeClock(
          clock,
          options.retentionMs ?? 30 * DAY_MS,
          clock.wallMs() - clock.monotonicMs(),
        ),
        cloud,
        askForDevice: () => this.cloud.askForDevice(),
        offerGrantsOf: (device) => {
          this.offered.push(device);
          if (this.known.has(device.key)) this.lanes.offerGrant(this.grantOf(device));
        },
        times: this.times,
        partitions: { ownedOf: (device) => this.partitionOf(device) },
        meters,
        deviceClocks: this.deviceClocks,
        followed: this.followed,
        random,
        load: { share: () => this.loadShare },
        recordMemory: new SpoilingMemory(),
        onParked: (device, reason) => this.parked.push(`${nameOf(device)}: ${reason}`),
        onUnparked: (device, parkedMs) => this.unparked.push(`${nameOf(device)}: ${parkedMs}`),
        onGivenUp: (device, states, status, cause) =>
          this.givenUp.push({ device: nameOf(device), states, status, cause }),
        onCloudChange: (isUp) => this.cloudChanges.push({ isUp, atMs: clock.monotonicMs() }),
        doesCloudAnswer: () => this.doesCloudAnswer,
      },
    );
    // A spool that was used before is taken over by the test.
    if (spool.disk.isFresh) this.lanes.takeOver(spool, { backlogs: [] });
  }

  /** The device's current grant; a good one is made when there is none. */
  grantOf(device: Device): Grant {
    const known = this.#grants.get(device.key);
    if (known?.isGood(this.clock.wallMs()) === true) return known;
    return this.newGrant(device, `token-${device.deviceId.slice(-2)}`);
  }

  newGrant(device: Device, token: string, expiresAtMs = Number.POSITIVE_INFINITY): Grant {
    const grant = new Grant(token, device, expiresAtMs);
    this.#grants.set(device.key, grant);
    return grant;
  }

  /** Enqueues one record with states of one device, numbered on from the last; their times rise by a millisecond. */
  push(device: Device, states = 1, grant: Grant | undefined = this.grantOf(device)): number {
    const record = buildRecord([this.#chunkOf(device, states)]);
    this.partitionOf(device)?.deliver(++this.#sequence, record, grant && [grant]);
    return this.#sequence;
  }

  /** Enqueues one record with states of several devices. */
  pushShared(chunks: readonly (readonly [Device, number, Grant])[]): number {
    const built = chunks.map(([device, states]) => this.#chunkOf(device, states));
    const grants = chunks.map(([, , grant]) => grant);
    this.spool.deliver(++this.#sequence, buildRecord(built), grants);
    return this.#sequence;
  }

  /** Enqueues one record as read back at start. */
  replay(device: Device, states: number, storedAtMs = this.clock.wallMs()): number {
    this.spool.deliver(++this.#sequence, buildRecord([this.#chunkOf(device, states)], storedAtMs), undefined);
    return this.#sequence;
  }

  nextState(): SentState {
    const v = this.#value++;
    return { time: TIME_ZERO + v, data: { v } };
  }

  #chunkOf(device: Device, states: number): { device: Device; states: SentState[] } {
    return { device, states: Array.from({ length: states }, () => this.nextState()) };
  }
}

/** A lane on its own. */
export function newLane(device: Device, memory = new MemoryLedger()): Lane {
  const pacing = new Pacing({ requests: 30, windowMs: 15_000 });
  return new Lane(device, new NotedSpool(), pacing, memory, { sequence: 1, states: 0 }, 0);
}

/** A chunk for a lane, of a record of its own. */
export function chunkOf(device: Device, sequence: number, states: readonly TestState[], memory: MemoryLedger) {
  const view = new RecordView(buildRecord([{ device, states }]));
  const record = new JournalRecord(sequence, view, 0);
  return new WaitingChunk(record, memory.newRecord(view, true), 0, 0, states.length);
}

export function diskError(): StatewayError {
  return new StatewayError('STATEWAY_SPOOL_FAILED', 'disk');
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** The most instants that fall into any window of this length, both ends included. */
export function mostInWindow(instantsMs: readonly number[], windowMs: number): number {
  const sorted = [...instantsMs].sort((a, b) => a - b);
  let most = 0;
  for (let first = 0, last = 0; last < sorted.length; last++) {
    while ((sorted[last] as number) - (sorted[first] as number) > windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
