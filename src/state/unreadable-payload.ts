import { isUtf8 } from 'node:buffer';
import { fragmentOf } from './fragment.js';

/** So much of a payload that is no state is kept as a dead letter (contract 1.9.4). */
export const KEPT_PAYLOAD_BYTES = 4_096;
/** UTF-8 takes at most four bytes for a character: so many may be the beginning of one that was cut. */
const MOST_CUT_BYTES = 3;

/**
 * What was published as a state and is none, as the fragment of a state without attributes: so it can be shown, exported
 * and asked for again as any other dead letter, and is nothing that anybody could take for a reading.
 *
 * @param payload of which the first {@link KEPT_PAYLOAD_BYTES} are kept: under `payload` as text, or where they are none
 *   under `payloadBase64`
 */
export function fragmentOfUnreadable(payload: Uint8Array): Uint8Array {
  const kept = payload.subarray(0, KEPT_PAYLOAD_BYTES);
  const text = textOf(kept, payload.length > KEPT_PAYLOAD_BYTES);
  const meta = text === undefined ? { payloadBase64: Buffer.from(kept).toString('base64') } : { payload: text };
  return Buffer.from(fragmentOf({ data: {}, meta }), 'utf8');
}

function textOf(bytes: Uint8Array, isCut: boolean): string | undefined {
  for (let cutBytes = 0; cutBytes <= (isCut ? MOST_CUT_BYTES : 0); cutBytes++) {
    const whole = bytes.subarray(0, bytes.length - cutBytes);
    if (isUtf8(whole)) return Buffer.from(whole).toString('utf8');
  }
  return undefined;
}
