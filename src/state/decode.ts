import { isUtf8 } from 'node:buffer';
import { StatewayError } from '../core/errors.js';
import type { Encoding } from '../core/ports.js';
import { decodeMsgpack } from './decode-msgpack.js';
import { jsonErrorIndex } from './json-error.js';
import { bodyProblem, findDeviceProblem, type NamedState, statesOf } from './validate.js';

/**
 * Reads a body as the value that `JSON.parse` would give for its JSON form. Of extended JSON the extensions are left in it.
 * @throws StatewayError STATEWAY_MALFORMED_BODY, saying where; the message never quotes the body
 */
export function decode(encoding: Encoding, bytes: Uint8Array): unknown {
  return encoding === 'msgpack' ? decodeMsgpack(bytes) : decodeJson(bytes);
}

/**
 * Strict JSON in strict UTF-8, without a byte order mark (RFC 8259, section 8.1). Of a name given twice the last counts.
 * @throws StatewayError STATEWAY_MALFORMED_BODY
 */
export function decodeJson(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) throw malformed('the body is empty; a state or an array of states is needed');
  if (!isUtf8(bytes)) throw malformed('the body is not valid UTF-8');
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (text.charCodeAt(0) === 0xfeff) throw malformed('the body starts with a byte order mark; send it without one');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw malformed(describe(text));
  }
}

function describe(text: string): string {
  const index = jsonErrorIndex(text);
  return index === text.length
    ? `the body is not valid JSON: it ends too early, after ${text.length} characters`
    : `the body is not valid JSON from character ${index + 1} of ${text.length} on`;
}

function malformed(message: string): StatewayError {
  return new StatewayError('STATEWAY_MALFORMED_BODY', message);
}

/**
 * The devices that a gateway frame names (contract 1.3), so that their grants can be looked up before it is accepted. The
 * rest of the states is checked later, by the worker.
 * @returns distinct ids in lower case, in order of their first state; none for an empty array
 * @throws StatewayError STATEWAY_MALFORMED_BODY, or STATEWAY_INVALID_STATE for a state without a device id
 */
export function namedDevices(encoding: Encoding, bytes: Uint8Array): string[] {
  const body = decode(encoding, bytes);
  const states = statesOf(body);
  if (states === undefined) throw new StatewayError('STATEWAY_INVALID_STATE', bodyProblem(body));
  const single = states !== body;
  const ids = new Set<string>();
  for (let i = 0; i < states.length; i++) {
    const problem = findDeviceProblem(states[i], single ? -1 : i);
    if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
    ids.add((states[i] as NamedState).deviceId.toLowerCase());
  }
  return [...ids];
}
