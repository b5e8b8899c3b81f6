import type { CallTrouble } from '../core/cloud-port.js';
import type { AskedFor, StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { DeviceReport, GrantView, LaneView, LastState, MqttTrouble } from '../core/device-report.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import type { Distribution, Meters, Transport } from '../core/metering/meters.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import type { LaneCounts } from '../core/ports.js';
import type { SpoolStatus } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import type { OutOfWindow } from '../core/time/cloud-window.js';
import type { StoredTimeClock } from '../core/time/stored-time-clock.js';
import type { UplinkCounts } from '../core/uplink-ports.js';
import type { SpoolRoom } from './spool-growth.js';

/** What is running: for `stateway_build_info` and `/status`. */
export interface Build {
  /** Of the instance (`STATEWAY_NAME`). */
  readonly name: string;
  readonly version: string;
  /** As in `v20.19.0`. */
  readonly node: string;
  /** The uWebSockets.js in use and its version, as in `uws-current 20.57.0`. */
  readonly uws: string;
}

/** Whether devices should be sent here (`/readyz`). An unreachable cloud is no reason against it (contract 1.7). */
export interface Readiness {
  readonly ready: boolean;
  /** A few words, such as `accepting states`, `starting`, `draining`, `spool full`, `disk full` or `memory full`. */
  readonly reason: string;
  /** Whether it is unready for want of room alone: devices are answered, 503 and when to come again. */
  readonly isOnlyFull: boolean;
}

/** The cloud as all calls to it saw it. */
export interface CloudView {
  /** Whether it answers, and not with server errors; false until it has answered. */
  readonly isUp: boolean;
  /** Whether it has answered in this run. */
  readonly hasAnswered: boolean;
  /** Whether it was lost in this run, after it had answered. */
  readonly hasBeenLost: boolean;
  /** Wall-clock milliseconds since when it is up or lost; undefined while nothing is known yet. */
  readonly sinceWallMs: number | undefined;
  /** The last call that failed; undefined while none has. */
  readonly lastFailure: CallTrouble | undefined;
}

/** What memory the process has and takes, and the devices that it is enough for. Bytes. */
export interface MemoryView {
  readonly limits: {
    /** Of the process. */
    readonly bytes: number;
    readonly source: 'container' | 'machine';
    /** Of V8's heap. */
    readonly heapBytes: number;
  };
  /** Some tenths of a second old; without pages of files, which the kernel can take back. */
  readonly use: { readonly residentBytes: number; readonly heapBytes: number };
  readonly devices: {
    readonly most: number;
    /** With a grant or with states on their way, whichever are more. */
    readonly known: number;
    /** Whether others are refused. */
    readonly isFull: boolean;
  };
}

/** The certificate that new connections get. */
export interface CertificateView {
  /** Wall-clock milliseconds. */
  readonly endsAtMs: number;
  /** Why what stands in its files now is not taken; undefined where it is. */
  readonly refusal: string | undefined;
}

/** What of log-ins outlives the process. */
export interface KeptView {
  /** Tokens that are good for a device. */
  readonly grants: number;
  /** Credentials that can log in without the cloud. */
  readonly logIns: number;
  /** Changes of either that are not on disk yet. */
  readonly unwritten: number;
}

/** What dead letters may take of the disk, and what became of those beyond it. */
export interface DeadLetterRoom {
  /** `STATEWAY_MAX_DEAD_LETTER_BYTES`. */
  readonly maxBytes: number;
  /** Since the start. */
  readonly dropped: number;
}

/** What can be done with dead letters. */
export type LetterAction = 'requeue' | 'discard';

/** What somebody has asked for, for the log. */
export interface AskedAction {
  readonly action: LetterAction;
  readonly letters: number;
  /** Of the first and the last of them. */
  readonly firstNumber: number;
  readonly lastNumber: number;
  /** Who asked. */
  readonly address: string;
}

/** The dead letters, to be read, and to be asked for as `stateway spool` does it. */
export interface DeadLetterDesk {
  /** The first from a number on, the oldest first, `most` at most. */
  from(number: number, most: number): readonly StoredDeadLetter[];
  /** A line of NDJSON, as `stateway spool export --dead-letters` writes it; with the values of the state. */
  lineOf(letter: StoredDeadLetter): string;
  /**
   * Has letters sent again, or taken away for good: done within seconds, and after a restart as well.
   * @returns how many of the numbers there are; those that are no states are not sent again
   * @throws StatewayError when that cannot be written down
   */
  ask(action: LetterAction, numbers: readonly number[]): Promise<AskedFor>;
  /** Writes to the log what was asked for. */
  note(asked: AskedAction): void;
}

/** All that is known of one device. */
export interface KnownDevice extends LaneView {
  /** What the cloud calls it, where a check of a grant has brought that; hostile text. */
  readonly name: string | undefined;
  /** The newest first. */
  readonly grants: readonly GrantView[];
  /** Open ones that are its alone, none where there is none. */
  readonly connections: Partial<Readonly<Record<Transport, number>>>;
}

/** A device, and what the cloud calls it. */
export interface FoundDevice {
  readonly device: Device;
  readonly name: string | undefined;
}

/** The single devices that the stages know. Looked at when somebody asks; to find one takes some milliseconds. */
export interface KnownDevices {
  /** Cheap. @param deviceId lower case */
  nameOf(deviceId: string): string | undefined;
  /** All with a grant, with a lane, or heard of in this run; each once. */
  all(): Iterable<FoundDevice>;
  /** The device of an id; undefined where nothing is known of it. @param deviceId lower case */
  find(deviceId: string): Device | undefined;
  of(device: Device): KnownDevice;
  /** The last of a device since it was first asked for, or that waits; the next ones are kept for a minute. */
  lastStateOf(device: Device): LastState | undefined;
}

/** What this replica knows of the servers that its spool is on, and of those that share it (contract 1.8). */
export interface ReplicasView {
  /** Whether the servers of NATS answer. */
  readonly isNatsUp: boolean;
  /** How many this replica has, how many it is to have and does not yet, and how many nobody says that it has. */
  readonly partitions: Readonly<Record<'owned' | 'claimed' | 'lost', number>>;
  /** Partitions that came to this replica or left it, by why. */
  readonly handovers: Readonly<Record<string, number>>;
  /** What it takes until a record is stored, in seconds. */
  readonly publishSeconds: Distribution;
  /** Of the records that wait, on each of the servers. */
  readonly stream: { readonly bytes: number; readonly maxBytes: number };
}

/** Everything the admin side reads, at the moment somebody asks. The functions must be cheap and must not throw. */
export interface AdminSources {
  readonly build: Build;
  readonly meters: Meters;
  readonly clock: Clock;
  readonly storedTime: StoredTimeClock;
  /** Wall-clock milliseconds of the start. */
  readonly startedAtMs: number;
  /** The same by the monotonic clock. */
  readonly startedMs: number;
  readiness(): Readiness;
  /** `STATEWAY_UPSTREAM_URL`. */
  readonly cloudUrl: string;
  cloud(): CloudView;
  spoolStatus(): SpoolStatus;
  spoolRoom(): SpoolRoom;
  /** What commits of the journal take, in seconds; undefined where there is none, since replicas share the spool. */
  commitSeconds(): Distribution | undefined;
  deadLetterRoom(): DeadLetterRoom;
  /** The newest first, `most` at most. */
  latestDeadLetters(most: number): readonly StoredDeadLetter[];
  readonly deadLetters: DeadLetterDesk;
  /** `STATEWAY_OUT_OF_WINDOW`. */
  readonly outOfWindow: OutOfWindow;
  /** `STATEWAY_EXEMPLARS`: whether who asks for OpenMetrics gets it. */
  readonly showsExemplars: boolean;
  /** Which devices are in trouble, and why. */
  devices(): DeviceReport;
  kept(): KeptView;
  memory(): MemoryView;
  lanes(): LaneCounts;
  readonly knownDevices: KnownDevices;
  /** Who was refused, and how often. */
  readonly refusals: Pick<RefusalRing, 'counts' | 'recent' | 'turnedAway'>;
  /** Whose states the log follows, to be changed here. */
  readonly followed: Pick<FollowedDevices, 'follow' | 'ids'>;
  /** By side, of those that have TLS. */
  certificates(): Readonly<Record<'device' | 'admin', CertificateView | undefined>>;
  /** Open connections of devices. */
  connections(): Record<Transport, number>;
  /** Sessions of devices at the cloud's broker; undefined where commands are off. */
  uplinks(): UplinkCounts | undefined;
  /** Undefined for a proxy with a disk of its own. */
  replicas(): ReplicasView | undefined;
  /** What is not well with devices that speak MQTT, now or in the last hour. */
  mqttTroubles(): readonly MqttTrouble[];
  /** Bodies accepted whose answer is outstanding. */
  queueDepth(): number;
  /** Lines of the log that nobody took, since the start. */
  droppedLogLines(): number;
  /** Told why figures could not be read, and where they were asked for; for the log. */
  onUnreadable(where: string, error: unknown): void;
  /** Told of the network that a wrong token of the admin side came from. */
  onWrongToken(address: string): void;
}
