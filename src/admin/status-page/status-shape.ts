/**
 * What the page is told, and what `GET /status` and `GET /status/history` answer, in plain JSON. This file imports nothing,
 * as the server and the browser share it. Times are ISO 8601 in UTC; counters start at 0 with the process.
 */

export type Transport = 'http' | 'websocket' | 'mqtt' | 'mqtts' | 'mqtt-ws';
export type MqttTroubleKind = 'shared_id' | 'denied_topic' | 'denied_filter' | 'no_session';
export type Trouble = 'wrong_clock' | 'parked' | 'throttled' | 'failing' | 'refused' | 'silent';

/** States a second. */
export interface Rates {
  /** Stored and acknowledged. */
  readonly received: number;
  /** Taken by the cloud. */
  readonly forwarded: number;
  /** Not taken from devices: wrong, or no room at the moment. */
  readonly refused: number;
}

/** Why a call to the cloud was not answered. */
export interface Failure {
  readonly at: string;
  /** What it was called for; `greeting`: to see whether it is there. */
  readonly call: 'states' | 'check' | 'log-in' | 'passed call' | 'greeting';
  readonly reason: 'dns' | 'refused' | 'tls' | 'timeout' | 'reset' | 'status' | 'not_the_cloud' | 'proxy';
  /** Of the system, of TLS, or the status of an answer; null where there is none. */
  readonly code: string | null;
  /** May hold the cloud's words, or a stranger's: hostile text. */
  readonly words: string;
  /** What can be done about it. */
  readonly remedy: string;
}

/** One reason for a trouble, with all devices that have it. */
export interface TroubleCause {
  readonly trouble: Trouble;
  /** May hold the cloud's words: hostile text. */
  readonly reason: string;
  readonly devices: number;
  /** Of all of them together. */
  readonly waitingStates: number;
  /** Since when the first of them has it. */
  readonly since: string;
}

/** A device that is not well. */
export interface TroubledDevice {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly trouble: Trouble;
  /** May hold the cloud's words: hostile text. */
  readonly reason: string;
  readonly since: string;
  /** When it is tried again; null where nothing is planned. */
  readonly nextTry: string | null;
  readonly waitingStates: number;
  /** The last of its times that the cloud does not keep, and how many there were; null where its clock is not the trouble. */
  readonly wrongClock: { readonly lastTime: string; readonly states: number } | null;
}

/** A state that the cloud refused or that became too old; what it said is not shown. */
export interface LatestDeadLetter {
  readonly number: number;
  readonly applicationId: string;
  readonly deviceId: string;
  /** Of the state. */
  readonly time: string;
  readonly refusedAt: string;
  /** The cloud's status; 0 where it never answered. */
  readonly status: number;
  /** May be the cloud's words: hostile text. */
  readonly reason: string;
}

/** What a device was refused for, counted; all of it is hostile text. */
export interface RecentRefusal {
  /** Of the last time. */
  readonly at: string;
  /** '' where the request named none. */
  readonly applicationId: string;
  /** '' where the request named none. */
  readonly deviceId: string;
  /** '' where it is not known any more. */
  readonly address: string;
  /** Of the table of errors. */
  readonly code: string;
  readonly message: string;
  readonly count: number;
}

/** What is not well with a device that speaks MQTT, though it is connected. */
export interface MqttTrouble {
  readonly deviceId: string;
  readonly trouble: MqttTroubleKind;
  /** May hold a topic that a device made up, or the words of the cloud's broker: hostile text. */
  readonly words: string;
  /** Of the last time; since when, where it lasts. */
  readonly at: string;
}

export interface CertificateFacts {
  readonly endsAt: string;
  /** Negative when it has ended. */
  readonly secondsLeft: number;
  /** Why what stands in its files now is not taken; null where it is. */
  readonly refusal: string | null;
}

/** Why devices are told to come again (503). */
export interface TurnedAway {
  /** Of the last one. */
  readonly at: string;
  /** Of the table of errors. */
  readonly code: string;
  readonly message: string;
  /** How many, since it began. */
  readonly count: number;
}

/** The body of `GET /status`, and of each `status` event. */
export interface Status {
  /** Of the instance. */
  readonly name: string;
  readonly version: string;
  readonly node: string;
  readonly uws: string;
  /** By the proxy's clock. */
  readonly now: string;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  /** Why it is ready or not, in a few words. */
  readonly reason: string;
  readonly cloud: {
    readonly url: string;
    /** False until it has answered. */
    readonly up: boolean;
    /** Whether it has answered since the start. */
    readonly hasAnswered: boolean;
    /** Whether it was lost since the start, after it had answered. */
    readonly hasBeenLost: boolean;
    /** Since when it is up or down; null while there was no sign of it yet either way. */
    readonly since: string | null;
    /** The last call to it that failed, of any kind; null while none has since the start. */
    readonly lastFailure: Failure | null;
  };
  /** What waits for the cloud. */
  readonly spool: {
    readonly bytes: number;
    readonly states: number;
    /** Age of the oldest waiting state; null when none waits. */
    readonly oldestSeconds: number | null;
    /** Records that could not be read back at start and are kept where they are. */
    readonly unreadableRecords: number;
    /** States that the cloud refused or that became too old; they are kept. */
    readonly deadLetters: number;
    /** That they take on the disk. */
    readonly deadLetterBytes: number;
    /** `STATEWAY_MAX_DEAD_LETTER_BYTES`: beyond it the oldest go. */
    readonly maxDeadLetterBytes: number;
    /** That went so since the start. */
    readonly deadLettersDropped: number;
    /** `STATEWAY_MAX_SPOOL_BYTES`. */
    readonly maxBytes: number;
    /** Free on its disk; null when that cannot be told. */
    readonly freeDiskBytes: number | null;
    /** Over the last minutes, negative while it empties; null until there is enough to go by. */
    readonly growthBytesPerSecond: number | null;
    /** When the nearer of the two bounds is reached at that rate; null while it is not growing. */
    readonly fullInSeconds: number | null;
  };
  /** What devices can go on with after a restart without the cloud, once nothing of it is unwritten. */
  readonly kept: { readonly grants: number; readonly logIns: number; readonly unwritten: number };
  /** Bytes; without pages of files, which the kernel can take back. */
  readonly memory: {
    readonly limits: { readonly bytes: number; readonly source: 'container' | 'machine'; readonly heapBytes: number };
    readonly use: { readonly residentBytes: number; readonly heapBytes: number };
    /** How many the memory is enough for, how many are known, and whether others are refused. */
    readonly devices: { readonly most: number; readonly known: number; readonly isFull: boolean };
  };
  /** Lanes to the cloud by what they do. */
  readonly lanes: Readonly<Record<'idle' | 'pacing' | 'backoff' | 'parked', number>>;
  readonly devices: {
    /** Devices heard of in this run and not forgotten, and those with states waiting. */
    readonly known: number;
    /** Those in no trouble of which the cloud takes states; one with a wrong clock may be among them. */
    readonly delivering: number;
    /** Whether states come and the cloud takes those of no device, though it is there. */
    readonly nothingDelivered: boolean;
    readonly troubled: Readonly<Record<Trouble, number>>;
    /** Why, each cause once; those of most devices first, twenty at most. */
    readonly causes: readonly TroubleCause[];
    /** The first of those in trouble, a hundred at most. */
    readonly listed: readonly TroubledDevice[];
  };
  /** Of the last hour, by device, address and code: how many there are, and the last thirty of them, the last one first. */
  readonly refusals: { readonly recent: number; readonly listed: readonly RecentRefusal[] };
  /** Of the last ten minutes, the last one first. */
  readonly turnedAway: readonly TurnedAway[];
  /** The newest first, twenty at most. */
  readonly latestDeadLetters: readonly LatestDeadLetter[];
  /** What the cloud calls the devices that are named here, by device id, as far as checks have brought it; hostile text. */
  readonly names: Readonly<Record<string, string>>;
  /** That the device side shows to new connections; null without TLS. */
  readonly certificate: CertificateFacts | null;
  /** That the admin side shows. */
  readonly adminCertificate: CertificateFacts | null;
  /** Open connections of devices. */
  readonly connections: Readonly<Record<Transport, number>>;
  readonly mqtt: {
    /** Devices by what their session at the cloud's broker does; null where there are no commands. */
    readonly sessions: Readonly<Record<'connected' | 'waiting' | 'backoff' | 'refused', number>> | null;
    /** Troubles, now or in the last hour, and thirty of them. */
    readonly troubled: number;
    readonly listed: readonly MqttTrouble[];
  };
  /** Over the last ten seconds or so. */
  readonly rates: Rates;
  /** States, by transport and by what became of them. */
  readonly received: Readonly<Record<Transport, Readonly<Record<'accepted' | 'refused' | 'unavailable', number>>>>;
  /** States the cloud has taken. */
  readonly forwarded: number;
  /** States that are sent though the cloud ignores them for their time. */
  readonly outOfWindow: number;
  /** What becomes of states with such times (`STATEWAY_OUT_OF_WINDOW`). */
  readonly outOfWindowRule: 'forward' | 'arrival' | 'refuse';
  readonly tokenCache: Readonly<Record<'hit' | 'miss' | 'negative' | 'offline', number>>;
  /** Bodies accepted whose answer is outstanding. */
  readonly workerQueueDepth: number;
}

/** The body of each `hour` event: rates of the last hour, a point for each {@link HourRates.stepSeconds}. */
export interface HourRates {
  readonly stepSeconds: number;
  /** Seconds since the epoch at which each step ended, rising. */
  readonly endedAt: readonly number[];
  readonly received: readonly number[];
  readonly forwarded: readonly number[];
  readonly refused: readonly number[];
}

/**
 * The body of `GET /status/history`: the last week in steps of five minutes, rising; those in which the proxy did not run are
 * left out.
 */
export interface WeekFacts {
  readonly stepSeconds: number;
  /** Seconds since the epoch at which each step ends. */
  readonly endedAt: readonly number[];
  /** The most states and bytes that waited for the cloud in each. */
  readonly states: readonly number[];
  readonly bytes: readonly number[];
  /** States that were stored, that the cloud took, and that were not taken from devices in each. */
  readonly received: readonly number[];
  readonly forwarded: readonly number[];
  readonly refused: readonly number[];
  /** Which part of the time the cloud was up, from 0 to 1. */
  readonly cloudUp: readonly number[];
  /** At the end of each. */
  readonly deadLetters: readonly number[];
}
