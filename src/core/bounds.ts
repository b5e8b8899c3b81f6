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
