import type { SendResult } from '../core/cloud-results.js';
import type { SlotBody } from './body-slots.js';

/**
 * What passes between the main thread and the one that sends. The main thread posts what came up in one turn of its event
 * loop as one message; the sending thread answers with all that ended in one turn of its own. Ids are the main thread's,
 * and each is answered once. A `close` is the last message: requests without an answer fail, their results are posted,
 * and the thread ends by itself.
 */
export type ToSender = { readonly orders: readonly SendOrder[] } | 'close';

export interface SendOrder {
  readonly id: number;
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly mayListen: boolean;
  /** JSON: in a slot that both threads have, or in memory that moves with it where it is its own. */
  readonly body: Uint8Array | SlotBody;
}

export interface FromSender {
  readonly results: readonly { readonly id: number; readonly result: SendResult }[];
  /** Whether connections were given up meanwhile, since no good answer came by them. */
  readonly isDistrusted: boolean;
}

/** What the sending thread is started with. */
export interface SenderData {
  readonly url: string;
  readonly connections: number;
  readonly caFile: string | undefined;
  /** As in `AgentOptions`. */
  readonly proxyUrl: string | undefined;
}
