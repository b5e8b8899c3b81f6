/**
 * What passes between the main thread and a front thread (docs/architecture.md, "Threads"). What comes up in one turn of the
 * event loop is one message: a list of items, which are seen to in their order.
 */

import type { Asker } from '../core/auth-ports.js';
import type { CloudAnswer, CloudTrouble } from '../core/cloud-port.js';
import type { FollowedStates } from '../core/commit-port.js';
import type { ErrorCode } from '../core/errors.js';
import type { Followed, WaySteps } from '../core/followed-devices.js';
import type { MeterCounts } from '../core/metering/meter-counts.js';
import type { Exemplar } from '../core/metering/meters.js';
import type { Refused } from '../core/metering/refusal-ring.js';
import type { LogInHead } from '../core/passed-call.js';
import type { Encoding } from '../core/ports.js';
import type { IgnoredTimes, TimeRules } from '../core/time/cloud-window.js';

/** An error on its way between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryAfterSeconds: number | undefined;
}

/** A grant, as a front mirrors it. Numbers are given out by the hub, for each front by itself. */
export interface GrantCopy {
  readonly number: number;
  readonly token: string;
  readonly applicationId: string;
  readonly deviceId: string;
  readonly expiresAtMs: number;
  readonly isClockDisproved: boolean;
}

interface Triple {
  readonly token: string;
  readonly applicationId: string;
  readonly deviceId: string;
}

/** What a front asks of the auth stage: see `Authorizer` and `DeviceLogin`. */
export type Question =
  | (Triple & { readonly kind: 'ask'; readonly asker: Asker })
  | (Triple & {
      readonly kind: 'prove';
      readonly asker: Asker;
      readonly encoding: Encoding;
      readonly body: Uint8Array;
    })
  | { readonly kind: 'knows'; readonly token: string }
  | { readonly kind: 'own'; readonly token: string; readonly applicationId: string; readonly asker: Asker }
  | { readonly kind: 'log-in'; readonly body: Uint8Array; readonly head: LogInHead; readonly asker: Asker };

/** What is known of a triple. */
export type Clearance =
  | { readonly kind: 'granted'; readonly grant: GrantCopy }
  | { readonly kind: 'delivered'; readonly grant: GrantCopy; readonly states: number }
  | { readonly kind: 'unproven' };

/** By kind of question. */
export interface AnswerTo {
  readonly ask: Clearance;
  readonly prove: Clearance;
  readonly knows: boolean;
  readonly own: boolean;
  readonly 'log-in': CloudAnswer;
}

/** A record to be committed, and what else is to be told of its batch. The record's memory moves. */
export interface CommitItem {
  readonly kind: 'commit';
  readonly id: number;
  readonly record: Uint8Array | undefined;
  /** Of the grant behind each chunk. */
  readonly grants: Uint32Array;
  readonly ignoredTimes: readonly { readonly grant: number; readonly times: IgnoredTimes }[];
  readonly followed: readonly FollowedStates[];
}

/** Refusals of one kind. */
export interface RefusalItem {
  readonly error: PlainError;
  readonly refused: Refused;
  readonly times: number;
}

/** What a front has counted since it said so last, and what it holds now. */
export interface NewsItem {
  readonly kind: 'news';
  readonly meters: MeterCounts;
  /** Of how long answers took, those that are new. */
  readonly exemplars: readonly Exemplar[];
  readonly refusals: readonly RefusalItem[];
  /** Of which no more is told. */
  readonly moreRefusals: readonly (readonly [ErrorCode, number])[];
  readonly connections: { readonly http: number; readonly websocket: number };
  /** WebSockets of a device, by how many they are more or fewer. */
  readonly sockets: readonly (readonly [deviceId: string, change: number])[];
  /** Bodies accepted and not answered. */
  readonly openBodies: number;
}

/** Of a line of MQTT over a WebSocket that the front has; numbers are the front's. */
export type LineItem = { readonly kind: 'line'; readonly line: number } & (
  | { readonly what: 'open'; readonly peer: string; readonly address: string }
  | { readonly what: 'data'; readonly chunk: Uint8Array }
  | { readonly what: 'taken'; readonly bytes: number }
  | { readonly what: 'closed' }
);

/** A step of a device that is followed. */
export interface StepItem {
  readonly kind: 'step';
  readonly device: Followed;
  readonly step: keyof WaySteps;
  readonly told: WaySteps[keyof WaySteps];
}

export type FromFront =
  | CommitItem
  | { readonly kind: 'question'; readonly id: number; readonly question: Question }
  /** Somebody wants to know of the end of a grant, as a socket does that goes by it; and nobody does any more. */
  | { readonly kind: 'watch' | 'unwatch'; readonly grant: number }
  | NewsItem
  | LineItem
  | StepItem
  /** To a `barrier`. */
  | { readonly kind: 'answered'; readonly id: number }
  /** A call that was passed on has failed, or its answer is one that a portal gives. */
  | { readonly kind: 'call trouble'; readonly trouble: CloudTrouble }
  | { readonly kind: 'call doubt' }
  /** Of the library that traces. */
  | { readonly kind: 'tracing trouble'; readonly reason: string }
  /** It listens; or why it cannot. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly reason: string }
  /** To a `renew`: why the TLS files cannot be used, where they cannot. */
  | { readonly kind: 'renewed'; readonly id: number; readonly reason: string | undefined }
  /** To a `close`: the last that it says. */
  | { readonly kind: 'closed' };

/** What time it is, by the hub's clocks. */
export interface ClockReading {
  /** By how much the wall clock is ahead of the monotonic one. */
  readonly aheadMs: number;
  /** The number of the timebase that times are marked with. */
  readonly timebase: number;
  readonly isCredible: boolean;
  /** As of {@link ClockReading.readMs}. */
  readonly rules: TimeRules;
  /** Monotonic, by which all threads go alike. */
  readonly readMs: number;
}

export type ToFront =
  /** What became of a `commit`, and memory for records to come, which moves. */
  | {
      readonly kind: 'committed';
      readonly id: number;
      readonly error: PlainError | undefined;
      readonly spare: ArrayBuffer | undefined;
    }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: AnswerTo[keyof AnswerTo] }
  | { readonly kind: 'no answer'; readonly id: number; readonly error: PlainError }
  /** A grant is over; is not to be found any more, whether it is over or not; or is known otherwise than before. */
  | { readonly kind: 'ended'; readonly grant: number; readonly error: PlainError }
  | { readonly kind: 'dropped'; readonly grant: number }
  | { readonly kind: 'clock disproved'; readonly grant: number; readonly isClockDisproved: boolean }
  | { readonly kind: 'clock'; readonly reading: ClockReading }
  | { readonly kind: 'follow'; readonly deviceIds: readonly string[] }
  | ({ readonly kind: 'line'; readonly line: number } & (
      | { readonly what: 'write'; readonly bytes: Uint8Array }
      | { readonly what: 'heard'; readonly bytes: number }
      | { readonly what: 'accepted' | 'end' | 'cut' }
    ))
  /** To be answered when everything that was accepted so far is. */
  | { readonly kind: 'barrier'; readonly id: number }
  /** New connections get the certificate that stands in the TLS files; calls go to connections made anew. */
  | { readonly kind: 'renew'; readonly id: number }
  | { readonly kind: 'renew calls' }
  | { readonly kind: 'close'; readonly withinMs: number };
