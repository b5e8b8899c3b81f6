import type { CloudTrouble, FailureReason } from '../core/cloud-port.js';

/** A request is ended from this side, for a reason of our own. */
export class GivenUp extends Error {
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Of `getaddrinfo`, which asks the resolver that the machine has. */
const DNS_CODE = /^(?:ENOTFOUND|ENODATA|EAI_)/;
const REFUSED_CODE = /^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL|EACCES|EPERM)$/;
/** OpenSSL's verdicts on certificates, as Node names them, and Node's own (nodejs.org, "X509 certificate error codes"). */
const TLS_CODE =
  /^(?:ERR_TLS|ERR_SSL|EPROTO|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|INVALID_|PATH_LENGTH|HOSTNAME_MISMATCH|ERROR_IN_)/;
const TIMEOUT_CODE = /^(?:ETIMEDOUT|UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT)$/;
/** What undici says where a proxy answers CONNECT with anything but 200, or wants credentials; and `agent.ts`. */
const PROXY_WORDS = /^(?:Proxy response|Proxy Authentication Required|no tunnel through the proxy)/;

/** What an error of undici's, or of {@link GivenUp}, says of the way to the cloud. */
export function troubleOf(error: Error & { code?: string }): CloudTrouble {
  const { code } = error;
  return { reason: reasonOf(error), words: wordsOf(error), ...(code === undefined ? {} : { code }) };
}

/** The error's code and words; an AggregateError of several addresses has only the code. */
export function wordsOf(error: Error & { code?: string }): string {
  return [error.code, error.message].filter((part) => part !== undefined && part !== '').join(': ');
}

function reasonOf(error: Error & { code?: string }): FailureReason {
  if (error instanceof GivenUp) return error.reason;
  const code = error.code ?? '';
  if (PROXY_WORDS.test(error.message) || code === 'UND_ERR_PRX_TLS') return 'proxy';
  if (DNS_CODE.test(code)) return 'dns';
  if (REFUSED_CODE.test(code)) return 'refused';
  if (TLS_CODE.test(code)) return 'tls';
  if (TIMEOUT_CODE.test(code)) return 'timeout';
  // What answers is no HTTP server, or one with a head larger than any of the cloud's.
  if (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW') return 'not_the_cloud';
  return 'reset';
}

/**
 * Whether a request went to a kept connection that the other side was closing just then. It may have been read all the same.
 * @param error undici's, of a request that was handed to a socket
 */
export function wasKeptTooLong(error: Error & { code?: string; socket?: { bytesRead?: number } }): boolean {
  // Where undici tells what the connection had brought before, one that had brought nothing was a new one.
  if (error.code === 'UND_ERR_SOCKET') return (error.socket?.bytesRead ?? 0) > 0;
  return error.code === 'ECONNRESET' || error.code === 'EPIPE';
}
