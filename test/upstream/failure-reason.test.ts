import { errors } from 'undici';
import { expect, it } from 'vitest';
import { GivenUp, troubleOf } from '../../src/upstream/failure-reason.js';

/** As Node and undici throw them: with a code. */
function coded(code: string | undefined, message = 'words'): Error {
  return Object.assign(new Error(message), { code });
}

it.each([
  ['dns', coded('ENOTFOUND')],
  ['dns', coded('EAI_AGAIN')],
  ['refused', coded('ECONNREFUSED')],
  ['refused', coded('ENETUNREACH')],
  ['tls', coded('CERT_HAS_EXPIRED')],
  ['tls', coded('DEPTH_ZERO_SELF_SIGNED_CERT')],
  ['tls', coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE')],
  ['tls', coded('ERR_TLS_CERT_ALTNAME_INVALID')],
  ['tls', coded('EPROTO')],
  ['timeout', coded('ETIMEDOUT')],
  ['timeout', new errors.ConnectTimeoutError('no connection')],
  ['timeout', new GivenUp('timeout', 'no answer within 15000 ms')],
  ['reset', coded('ECONNRESET')],
  ['reset', coded('EPIPE')],
  ['reset', new errors.SocketError('other side closed')],
  ['reset', new Error('something new')],
  ['not_the_cloud', new errors.HeadersOverflowError()],
  ['not_the_cloud', new errors.HTTPParserError('no HTTP')],
  ['not_the_cloud', new GivenUp('not_the_cloud', 'it is too long')],
  ['proxy', coded(undefined, 'no tunnel through the proxy: other side closed')],
  ['proxy', new errors.RequestAbortedError('Proxy response (407) !== 200 when HTTP Tunneling')],
  ['proxy', new errors.InvalidArgumentError('Proxy Authentication Required (407)')],
])('%s: %s', (reason, error) => {
  expect(troubleOf(error).reason).toBe(reason);
});

it('has code and words, or what there is of them', () => {
  expect(troubleOf(coded('ECONNRESET', 'read ECONNRESET')).words).toBe('ECONNRESET: read ECONNRESET');
  expect(troubleOf(coded(undefined)).words).toBe('words');
  expect(troubleOf(coded('ECONNREFUSED', '')).words).toBe('ECONNREFUSED');
});
