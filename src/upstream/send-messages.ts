import type { SendResult } from '../core/cloud-results.js';
import type { SlotBody } from './body-slots.js';
import type { CloudWay } from './thread-messages.js';

/** One request with states, as the sending thread is told of it (`thread-messages.ts`); its result is a {@link SendResult}. */
export interface SendOrder {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
  readonly mayListen: boolean;
  /** JSON: in a slot that both threads have, or in memory that moves with it where it is its own. */
  readonly body: Uint8Array | SlotBody;
}

/** What the sending thread is started with. */
export interface SenderData extends CloudWay {
  readonly connections: number;
}

/** States that a thread had under way which does not answer any more. */
export function lostStates(words: string): SendResult {
  return { kind: 'failure', mayArriveLater: true, openMs: 0, reason: 'reset', words };
}
