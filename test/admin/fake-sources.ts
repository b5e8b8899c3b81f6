import type {
  AdminSources,
  AskedAction,
  CloudView,
  DeadLetterDesk,
  KnownDevice,
  KnownDevices,
  MemoryView,
  Readiness,
  ReplicasView,
} from '../../src/admin/admin-sources.js';
import type { StoredDeadLetter } from '../../src/core/dead-letter.js';
import { Device } from '../../src/core/device.js';
import type { DeviceReport, LastState, MqttTrouble } from '../../src/core/device-report.js';
import { FollowedDevices } from '../../src/core/followed-devices.js';
import { Distribution, LATENCY_BOUNDS_SECONDS, Meters } from '../../src/core/metering/meters.js';
import { RefusalRing } from '../../src/core/metering/refusal-ring.js';
import { TracedDistribution } from '../../src/core/metering/traced-distribution.js';
import { StoredTimeClock } from '../../src/core/time/stored-time-clock.js';
import { FakeClock } from '../helpers/fake-clock.js';

const DEVICE = new Device('a'.repeat(24), 'b'.repeat(24));

/** Sources with a value of its own behind every figure, so that two that are mixed up show. */
export class FakeSources implements AdminSources {
  readonly build = { name: 'gateway7', version: '1.2.3', node: 'v20.19.0', uws: 'uws-current 20.57.0' };
  readonly meters: Meters;
  readonly commits = new Distribution(LATENCY_BOUNDS_SECONDS);
  readonly clock = new FakeClock();
  readonly storedTime = new StoredTimeClock(this.clock, 30 * 86_400_000, this.clock.wallMs());
  readonly startedAtMs = this.clock.wallMs() - 90_000;
  readonly startedMs = -90_000;
  isReady: Readiness = { ready: true, reason: 'accepting states', isOnlyFull: false };
  oldestStoredAtMs: number | undefined = this.clock.wallMs() - 2_500;
  spoolBytes = 4_096;
  freeDiskBytes: number | undefined = 1_048_576;
  isCloudUp = true;
  spoolFailure: Error | undefined = undefined;
  /** How often the devices were asked for. */
  reports = 0;

  readiness() {
    return this.isReady;
  }

  isTls = true;

  certificates() {
    const endingIn = (days: number, refusal?: string) =>
      this.isTls ? { endsAtMs: this.startedAtMs + days * 86_400_000, refusal } : undefined;
    return { device: endingIn(90), admin: endingIn(80, 'no PEM') };
  }

  readonly refusals = new RefusalRing(this.clock);

  readonly followed = new FollowedDevices();

  readonly cloudUrl = 'https://cloud.test';

  cloud(): CloudView {
    const failure = { call: 'log-in', reason: 'dns', words: 'ENOTFOUND', code: 'ENOTFOUND' } as const;
    const lastFailure = { ...failure, atMs: this.startedAtMs + 2_000 };
    const sinceWallMs = this.startedAtMs + 1_000;
    return { isUp: this.isCloudUp, hasAnswered: true, hasBeenLost: true, sinceWallMs, lastFailure };
  }

  spoolStatus() {
    if (this.spoolFailure !== undefined) throw this.spoolFailure;
    const { spoolBytes: bytes, oldestStoredAtMs } = this;
    return { bytes, states: 17, oldestStoredAtMs, unreadableRecords: 3, deadLetters: 5, deadLetterBytes: 8_192 };
  }

  kept() {
    return { grants: 71, logIns: 72, unwritten: 73 };
  }

  memory(): MemoryView {
    return {
      limits: { bytes: 50, source: 'container', heapBytes: 51 },
      use: { residentBytes: 52, heapBytes: 53 },
      devices: { most: 55, known: 54, isFull: true },
    };
  }

  spoolRoom() {
    return { maxBytes: 65_536, freeDiskBytes: this.freeDiskBytes };
  }

  commitSeconds() {
    return this.commits;
  }

  deadLetterRoom() {
    return { maxBytes: 131_072, dropped: 6 };
  }

  latestDeadLetters(most: number): StoredDeadLetter[] {
    const letter = {
      device: DEVICE,
      timeMs: this.startedAtMs + 2_000,
      fragment: new TextEncoder().encode('"data":{"secret":42}}'),
      status: 400,
      reason: 'no such attribute',
      refusedAtMs: this.startedAtMs + 3_000,
    };
    if (this.letters.length > 0) return this.letters.slice(-most).reverse();
    return [
      { ...letter, number: 8 },
      { ...letter, number: 7, status: 0, timeMs: 1e16 },
    ].slice(0, most);
  }

  readonly outOfWindow = 'refuse';
  readonly showsExemplars: boolean;

  /** @param showsExemplars whether they are kept, and OpenMetrics is answered to who asks for it */
  constructor({ showsExemplars = false } = {}) {
    this.showsExemplars = showsExemplars;
    const timed = (bounds: readonly number[]) => new TracedDistribution(bounds, this.clock);
    this.meters = new Meters(showsExemplars ? timed : undefined);
  }
  /** Dead letters, rising, beside those that {@link FakeSources.latestDeadLetters} shows. */
  letters: StoredDeadLetter[] = [];
  readonly asked: unknown[] = [];
  readonly noted: AskedAction[] = [];
  readonly deadLetters: DeadLetterDesk = {
    from: (number, most) => this.letters.filter((letter) => letter.number >= number).slice(0, most),
    lineOf: ({ number, fragment }) => `${number} ${Buffer.from(fragment).toString()}\n`,
    ask: async (action, numbers) => {
      this.asked.push([action, ...numbers]);
      return { requested: numbers.length, noStates: 0 };
    },
    note: (asked) => this.noted.push(asked),
  };

  /** What the stages know of single devices. */
  known: KnownDevice[] = [];
  lastState: LastState | undefined = undefined;

  readonly knownDevices: KnownDevices = {
    nameOf: (deviceId) => (deviceId === DEVICE.deviceId ? 'Pump 7' : undefined),
    all: () => this.known,
    find: (deviceId) => this.known.find(({ device }) => device.deviceId === deviceId)?.device,
    of: (device) => this.known.find((known) => known.device === device) as KnownDevice,
    lastStateOf: () => this.lastState,
  };

  devices(): DeviceReport {
    this.reports++;
    const trouble = { device: DEVICE, reason: 'the cloud refuses its token (401)', sinceMs: this.startedAtMs + 4_000 };
    return {
      known: 41,
      delivering: 40,
      nothingDelivered: true,
      troubled: { wrong_clock: 47, parked: 42, throttled: 43, failing: 44, refused: 46, silent: 45 },
      causes: [{ trouble: 'parked', reason: trouble.reason, devices: 42, waitingStates: 39, sinceMs: trouble.sinceMs }],
      listed: [
        {
          ...trouble,
          trouble: 'wrong_clock',
          nextTryMs: undefined,
          waitingStates: 48,
          wrongClock: { lastTimeMs: 12_000, states: 49 },
        },
        { ...trouble, trouble: 'parked', nextTryMs: undefined, waitingStates: 46 },
        { ...trouble, trouble: 'throttled', nextTryMs: this.startedAtMs + 99_000, waitingStates: 47 },
      ],
    };
  }

  lanes() {
    return { idle: 11, pacing: 12, backoff: 13, parked: 14 };
  }

  connections() {
    return { http: 21, websocket: 22, mqtt: 23, mqtts: 24, 'mqtt-ws': 25 };
  }

  uplinks() {
    return { connected: 26, waiting: 27, backoff: 28, refused: 29 };
  }

  readonly publishes = new Distribution(LATENCY_BOUNDS_SECONDS);
  /** Undefined where there is one proxy with a disk. */
  isReplicated = true;
  isNatsUp = true;

  replicas(): ReplicasView | undefined {
    if (!this.isReplicated) return undefined;
    return {
      isNatsUp: this.isNatsUp,
      partitions: { owned: 81, claimed: 82, lost: 83 },
      handovers: { released: 84, expired: 85, given_up: 86, lost: 87 },
      publishSeconds: this.publishes,
      stream: { bytes: 88, maxBytes: 89 },
    };
  }

  troubles: MqttTrouble[] = [
    { deviceId: 'b'.repeat(24), kind: 'no_session', words: 'it waits', atMs: this.startedAtMs + 6_000 },
    { deviceId: 'c'.repeat(24), kind: 'denied_topic', words: 'it may not', atMs: this.startedAtMs + 5_000 },
  ];

  mqttTroubles() {
    return this.troubles;
  }

  queueDepth() {
    return 31;
  }

  droppedLogLines() {
    return 32;
  }

  /** Where figures could not be read, and why. */
  readonly unreadable: string[] = [];

  onUnreadable(where: string, error: unknown) {
    this.unreadable.push(`${where}: ${(error as Error).message}`);
  }

  onWrongToken() {}
}
