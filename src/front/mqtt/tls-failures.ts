import type { StatewayError } from '../../core/errors.js';
import type { RefusalSink } from '../../core/metering/refusal-ring.js';
import type { Clock } from '../../core/time/clock.js';
import { malformed } from './packets.js';
import { ToldLately } from './recent-troubles.js';

/** A port scan, or a client that comes back at once, costs a look at a table. */
const AGAIN_AFTER_MS = 60_000;

const NO_TLS = malformed(
  'TLS: what the client sends is no TLS, and this port (STATEWAY_MQTT_TLS_LISTEN) takes nothing else: switch its TLS on, or give it the port of STATEWAY_MQTT_LISTEN',
);
const OLD_TLS = malformed('TLS: the client speaks no TLS 1.2 or newer');
const NOT_TRUSTED = malformed(
  'TLS: the client does not accept the certificate: give it the authority that STATEWAY_TLS_CERT_FILE is from, and a name of the proxy that stands in it',
);
const BROKEN_OFF = malformed(
  'TLS: the client broke the handshake off: its line failed, or it does not trust the certificate: give it the authority that STATEWAY_TLS_CERT_FILE is from, and a name of the proxy that stands in it',
);
const FAILED = malformed(
  'TLS: client and proxy find no cipher or key exchange that both have, or the handshake is damaged',
);

/** The first whose pattern the code has; codes are those of Node and OpenSSL (nodejs.org, "Errors"). */
const BY_CODE: readonly (readonly [RegExp, StatewayError])[] = [
  [
    /WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY_REQUEST|PACKET_LENGTH_TOO_LONG|RECORD_LAYER|UNEXPECTED_MESSAGE/,
    NO_TLS,
  ],
  [/UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW|ALERT_PROTOCOL_VERSION/, OLD_TLS],
  [/ALERT_UNKNOWN_CA|CERTIFICATE|ALERT_ACCESS_DENIED/, NOT_TRUSTED],
  [/ECONNRESET|EPIPE|ALERT_USER_CANCELLED|CLOSE_NOTIFY/, BROKEN_OFF],
];

/** Says of clients whose handshake failed what is to be done: they have no name, and nothing but their address tells which it is. */
export class TlsFailures {
  readonly #refusals: RefusalSink;
  readonly #told: ToldLately;

  constructor(clock: Clock, refusals: RefusalSink) {
    this.#refusals = refusals;
    this.#told = new ToldLately(clock, AGAIN_AFTER_MS);
  }

  /** Of one address and reason once a minute. @param code of the error; undefined where the client only went */
  note(address: string, code = 'ECONNRESET'): void {
    const error = BY_CODE.find(([pattern]) => pattern.test(code))?.[1] ?? FAILED;
    if (!this.#told.isNews(`${address} ${error.message}`)) return;
    this.#refusals.note(error, { applicationId: '', deviceId: '', address, isKnown: false });
  }
}
