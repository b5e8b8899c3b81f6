import { isUtf8 } from 'node:buffer';
import { fragmentOf } from './fragment.js';

/** So much of a payload that is no state is kept as a dead letter (contract 1.9.4). */
export const KEPT_PAYLOAD_BYTES = 4_096;
/** UTF-8 takes at most four bytes for a character: so many may be the beginning of one that was cut. */
const MOST_CUT_BYTES = 3;
/** What the fragments of {@link fragmentOfUnreadable} begin with. */
const FRAGMENT_STARTS = ['"data":{},"meta":{"payload":', '"data":{},"meta":{"payloadBase64":'];
const LONGEST_START = Math.max(...FRAGMENT_STARTS.map(({ length }) => length));

/**
 * What was published as a state and is none, as the fragment of a state without attributes: so it can be shown and
 * exported as any other dead letter, and is nothing that anybody could take for a reading. It is never sent.
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

/** Whether a dead letter stands for what was no state: the cloud would take it for one without attributes. */
export function isNoState({ status, fragment }: { readonly status: number; readonly fragment: Uint8Array }): boolean {
  if (status !== 0) return false;
  const start = Buffer.from(fragment.buffer, fragment.byteOffset, Math.min(fragment.byteLength, LONGEST_START));
  return FRAGMENT_STARTS.some((known) => start.toString('latin1').startsWith(known));
}

function textOf(bytes: Uint8Array, isCut: boolean): string | undefined {
  for (let cutBytes = 0; cutBytes <= (isCut ? MOST_CUT_BYTES : 0); cutBytes++) {
    const whole = bytes.subarray(0, bytes.length - cutBytes);
    if (isUtf8(whole)) return Buffer.from(whole).toString('utf8');
  }
  return undefined;
}
