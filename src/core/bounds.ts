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
/**
 * Memory that states without prospect may take before they move to the backlog. Measured with 10 million waiting states
 * of 1,000 devices: with what is on the way to disk, and what the collector has not freed yet, 45 MB more than without an
 * outage.
 */
export const SPILL_ABOVE_BYTES = 16 * MIB;
/** Of what is held, on its way to the backlog at one time: a second copy, until it is on disk. */
export const MAX_SPILLING_BYTES = 8 * MIB;
/**
 * Bodies on their way to the cloud take no more memory than this and the largest of them. A cloud that answers after 0.3 s
 * takes 40 MB a second so.
 */
export const MAX_BYTES_IN_FLIGHT = 12 * MIB;
/** Memory of records that no lane needs any more, for records to come; what comes beyond is left to the collector. */
export const MAX_SPARE_RECORD_BYTES = 16 * MIB;

// ---------------------------------------------------------------- the cloud's broker

/** Messages of devices for the broker that wait or are under way, of all devices: at 250 a device and window, rarely any. */
export const MAX_UPLINK_BYTES = 16 * MIB;
/** Commands that a device has not taken, beyond which newer ones are dropped (contract 1.9.7). */
export const MAX_UNSENT_COMMAND_BYTES = 256 * KIB;

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
export const MAX_CALLS: Readonly<Record<CallKind, number>> = { stream: 12_288, upload: 1_280, other: 1_280 };

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

// ---------------------------------------------------------------- what somebody without a grant may hold of it

/** The most of something: in all, and for each who holds of it. */
export interface HeldBounds {
  readonly all: number;
  readonly each: number;
}

/**
 * Of the bytes that may wait: those whose sender has no grant, by address. Half of it is left to other addresses. As every
 * share it holds one body of the largest size.
 */
export function shareOfStrangers(maxBytes: number, maxBodyBytes: number): HeldBounds {
  const all = Math.min(maxBytes, Math.max(maxBytes / 4, maxBodyBytes));
  return { all, each: Math.max(all / 2, Math.min(all, maxBodyBytes)) };
}

/**
 * Of the same: bodies with a grant that have not come whole, by device. So what comes whole, as nearly every report does,
 * always has a quarter, whatever strangers and slow devices hold.
 */
export function shareOfUnfinished(maxBytes: number, maxBodyBytes: number): HeldBounds {
  const all = Math.min(maxBytes, Math.max(maxBytes / 2, maxBodyBytes));
  return { all, each: Math.min(all, Math.max(all / 8, maxBodyBytes)) };
}

/**
 * What a request takes that waits for the cloud's word, beside body and token: its head, its response, promises and
 * closures. Without it, requests of no bytes would never reach a bound.
 */
export const WAITING_REQUEST_BYTES = 2 * KIB;
/** What all requests without a grant may take by that and by their tokens: 3,000 with tokens of 600 bytes, half of them from one address. */
export const SHARE_OF_WAITING: HeldBounds = { all: 8 * MIB, each: 4 * MIB };

/**
 * What a frame may hold above `STATEWAY_MAX_BODY_BYTES` on a WebSocket whose token was not known when it opened: room for
 * 1009 as an answer to a frame that is a little too large. Such a socket must be able to take a whole first frame, since
 * for some tokens only that shows what they are good for (contract 1.4).
 */
const STRANGER_FRAME_MARGIN_BYTES = 64 * KIB;
/** What all of them together may hold of unfinished frames, which nobody sees before they are whole. */
const STRANGER_FRAMES_BYTES = 24 * MIB;
/** However large a frame may be, so many may open: two from each of two addresses. */
const LEAST_STRANGER_SOCKETS = 4;

/** The library's own limit on a frame of a WebSocket whose token was not known when it opened. */
export function hardFrameBytesOfStrangers(maxBodyBytes: number): number {
  return maxBodyBytes + STRANGER_FRAME_MARGIN_BYTES;
}

/** WebSockets whose token has proven nothing yet, by address: 76 with the default limit on bodies. */
export function strangerSockets(maxBodyBytes: number): HeldBounds {
  const fitting = Math.floor(STRANGER_FRAMES_BYTES / hardFrameBytesOfStrangers(maxBodyBytes));
  const all = Math.max(LEAST_STRANGER_SOCKETS, fitting);
  return { all, each: all / 2 };
}

/**
 * MQTT connections whose device has not been accepted: each has room for a CONNECT of 64 KiB at most. Which of them give way
 * to others goes by address. After a power cut a plant has most of its devices in here for a moment.
 */
export function mqttStrangers(maxConnections: number): number {
  return Math.max(LEAST_STRANGER_SOCKETS, Math.ceil(maxConnections / 2));
}

/** Handshakes of TLS on the port of MQTT: some 64 KiB of native memory each, as long as they last. */
export const MAX_HANDSHAKES = 1_000;

/** A WebSocket for MQTT says who it is at once: after so long it gives way to one that wants its place. */
export const MQTT_SOCKET_KEEPS_MS = 1_000;
/** For so long a WebSocket keeps its place without a proof; then it gives way to one that wants it. */
export const STRANGER_SOCKET_KEEPS_MS = 30_000;
/** As {@link MAX_UNREAD_ANSWER_BYTES}, of such a socket: 300 refusals of frames, and pongs that nobody reads. */
export const MAX_UNREAD_BYTES_OF_STRANGERS = 64 * KIB;

/**
 * Of the calls of each kind those whose token has no grant here: four fifths of what is brief or waits to be sent, and half
 * of the streams, which last. The rest is for those with a grant.
 */
export function callsOfStrangers(max: Readonly<Record<CallKind, number>>): Readonly<Record<CallKind, number>> {
  const fourFifths = (calls: number): number => Math.ceil((calls * 4) / 5);
  return { stream: Math.ceil(max.stream / 2), upload: fourFifths(max.upload), other: fourFifths(max.other) };
}

// ---------------------------------------------------------------- the sum

/** Something that may be held in memory of what devices and strangers send. */
export interface MemoryBound {
  /** For people. */
  readonly what: string;
  readonly bytes: number;
}

/**
 * All that is bounded in bytes, whatever the number of devices and connections, which take memory of their own
 * (docs/sizing.md). No load makes all of them full at once; that their sum is known is what makes memory bounded.
 */
export const MEMORY_BOUNDS: readonly MemoryBound[] = [
  { what: 'bodies without an answer', bytes: MAX_UNANSWERED_BYTES },
  { what: 'states that wait for the cloud and are not in the backlog', bytes: MAX_HELD_BYTES },
  { what: 'of these, copies on their way to the backlog', bytes: MAX_SPILLING_BYTES },
  { what: 'bodies on their way to the cloud', bytes: MAX_BYTES_IN_FLIGHT },
  { what: 'memory of records, to be used again', bytes: MAX_SPARE_RECORD_BYTES },
  { what: "messages for the cloud's broker", bytes: MAX_UPLINK_BYTES },
  { what: 'questions about tokens', bytes: QUESTION_BOUNDS.maxWaitingBytes },
  { what: 'states that are to show what a token may', bytes: PROOF_BOUNDS.maxWaitingBytes },
  { what: 'log-ins', bytes: LOG_IN_BOUNDS.maxWaitingBytes + KNOWN_LOG_IN_BOUNDS.maxWaitingBytes },
  { what: 'requests without a grant, beside their bodies', bytes: SHARE_OF_WAITING.all },
  { what: 'unfinished frames of WebSockets without a grant', bytes: STRANGER_FRAMES_BYTES },
];
