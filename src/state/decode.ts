import { isUtf8 } from 'node:buffer';
import { StatewayError } from '../core/errors.js';
import type { Encoding } from '../core/ports.js';
import { decodeMsgpack } from './decode-msgpack.js';
import { jsonErrorIndex } from './json-error.js';

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
