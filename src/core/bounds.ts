/**
 * What the proxy holds at most of what anybody sends, each bound with its reason (contract 1.4 and 1.6, promise 4). What
 * they come to in memory stands in docs/sizing.md, what they leave to somebody without a grant in docs/security.md.
 */

const KIB = 1024;
const MIB = 1024 * KIB;

// ---------------------------------------------------------------- what waits for an answer or for the cloud

/** Bytes of bodies that may wait for their answer; at the measured rates a fraction of a second's worth. */
export const MAX_UNANSWERED_BYTES = 32 * MIB;
/** Bytes of waiting states held in memory; beyond it new state is refused until the cloud has taken some. */
export const MAX_HELD_BYTES = 64 * MIB;

// ---------------------------------------------------------------- one request

/**
 * The longest head of a request (contract 1.3): an application token that lists all its scopes alone takes some 5 KB. It
 * is read from the environment, by releases from 2023 on, when the native part is loaded; without it they take 4 KiB.
 */
export const MAX_HEAD_BYTES = 16 * KIB;
/** Credentials are a few hundred bytes; the bound leaves room for long scopes lists. */
export const MAX_CREDENTIALS_BYTES = 16 * KIB;
/** uWebSockets.js 20.30 cuts a connection that announces a longer body. */
export const MAX_PASSED_BODY_BYTES = 999_999_999;
/** A body of which nothing comes for so long is given up (contract 1.3). */
export const STALLED_AFTER_MS = 10_000;
/** So much of the rest of a refused body is read and dropped; far more than any device sends at once. */
export const MAX_DROPPED_BYTES = 8 * MIB;
/** For so long it is: a body of the default limit (256 KiB) at the slowest pace that counts, 1 KB a second, fits. */
export const MAX_DROPPING_MS = 300_000;

// ---------------------------------------------------------------- one WebSocket

/**
 * uWebSockets.js drops a connection without a word when a frame exceeds its own limit, so that limit is set well above
 * ours, and frames between the two are answered with 1009 (contract 1.3). Not far above: of a frame that is not complete,
 * so much is held beyond the front's bound.
 */
export const LEAST_HARD_FRAME_BYTES = 2 * MIB;
/** A client that does not read its answers is cut off when so many bytes of them wait. */
export const MAX_UNREAD_ANSWER_BYTES = MIB;

// ---------------------------------------------------------------- calls that are passed on

/** What a passed call holds on to: a stream lasts for days, an upload as long as its device likes to send, the rest is brief. */
export type CallKind = 'stream' | 'upload' | 'other';

/**
 * Calls of each kind under way at once; each has a connection of its own to the cloud. An idle event stream takes 20
 * to 30 KiB, and every one of 10,000 devices may hold one. With what the two sockets and the two libraries buffer, a call
 * that is held up takes some 200 KiB.
 */
export const MAX_CALLS: Readonly<Record<CallKind, number>> = { stream: 12_288, upload: 1_024, other: 1_024 };

// ---------------------------------------------------------------- what is asked of the cloud for those who are not known here

/** Of one kind of what is asked of the cloud, whose turns are shared out by address and token (contract 1.4). */
export interface ShareBounds {
  /** Under way at once. */
  readonly maxAtOnce: number;
  /** Of them for one address, and for all together that stand badly. */
  readonly maxAtOnceOfOne: number;
  /** Of them for one token, once the cloud has not called it void; until then, one. */
  readonly maxAtOnceOfLine: number;
  /** Waiting for their turn. */
  readonly maxWaiting: number;
  /** What these hold. */
  readonly maxWaitingBytes: number;
}

/** Of a question beside its token: promises, device, key. */
export const QUESTION_BYTES = KIB;

/**
 * Questions about tokens that are not known here. At 40 ms an answer 1,600 tokens are asked about in a second; a cloud that
 * takes a second for each still has a place free every 16 ms.
 */
export const QUESTION_BOUNDS: ShareBounds = {
  maxAtOnce: 64,
  maxAtOnceOfOne: 48,
  maxAtOnceOfLine: 16,
  maxWaiting: 4_096,
  maxWaitingBytes: 8 * MIB,
};

/** States that are to show that a token may send, beside those of devices with grants. Each may wait for its device's rate. */
export const PROOF_BOUNDS: ShareBounds = {
  maxAtOnce: 64,
  maxAtOnceOfOne: 32,
  maxAtOnceOfLine: 8,
  maxWaiting: 1_024,
  maxWaitingBytes: 8 * MIB,
};

/** Log-ins with credentials that have not been good here. */
export const LOG_IN_BOUNDS: ShareBounds = {
  maxAtOnce: 32,
  maxAtOnceOfOne: 24,
  maxAtOnceOfLine: 2,
  maxWaiting: 1_024,
  maxWaitingBytes: 8 * MIB,
};

/** Log-ins with those that were good the last time. Of a whole plant that starts anew, each waits at most for the others. */
export const KNOWN_LOG_IN_BOUNDS: ShareBounds = {
  maxAtOnce: 32,
  maxAtOnceOfOne: 32,
  maxAtOnceOfLine: 2,
  maxWaiting: 10_000,
  maxWaitingBytes: 16 * MIB,
};

/** Devices without a grant at hand that one frame of a gateway may name (docs/devices.md, "WebSocket"). */
export const MAX_NEW_DEVICES_OF_FRAME = 100;
/** The same of all frames together that wait on one socket: ten frames, or one state each of a large plant's devices. */
export const MAX_NEW_DEVICES_OF_SOCKET = 1_000;
