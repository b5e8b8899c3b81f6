import { isIP, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import type { Clock } from '../../core/time/clock.js';
import { TimeLimit } from '../../core/time/time-limit.js';
import { CONNECT_TIMEOUT_MS, trustedWith } from '../agent.js';
import { Dialer, hostOf, portOf } from '../dialer.js';
import { openTunnel } from './tunnel.js';

export interface BrokerWay {
  /** Of the broker: `mqtt:`, `mqtts:`, `ws:` or `wss:`. */
  readonly url: URL;
  /** PEM file of certificates that are trusted beside the usual ones. */
  readonly caFile: string | undefined;
  /** The http or https URL of the proxy in front of it, credentials included; undefined when there is none. */
  readonly proxyUrl: string | undefined;
}

/** Called once: with a connection, or with why there is none. */
type OnEnd = (error: Error | undefined, socket: Socket | undefined) => void;

/**
 * Opens connections to the broker: by its name, to whichever address takes one first, through a proxy where there is one,
 * and with TLS where its URL says so.
 */
export class BrokerDialer {
  readonly host: string;
  readonly port: number;
  readonly #way: BrokerWay;
  readonly #clock: Clock;
  readonly #dialer: Dialer;
  readonly #trust: SecureContext | undefined;

  /** @throws StatewayError STATEWAY_CONFIGURATION when the CA file cannot be read or holds no certificate */
  constructor(way: BrokerWay, clock: Clock) {
    const { url, caFile } = way;
    this.#way = way;
    this.#clock = clock;
    this.#dialer = new Dialer(clock);
    this.#trust = caFile === undefined ? undefined : trustedWith(caFile);
    this.host = hostOf(url);
    this.port = portOf(url);
  }

  /** @returns the way to give it up; `onEnd` is not called then */
  open(onEnd: OnEnd): () => void {
    let isOver = false;
    let socket: Socket | undefined;
    const end: OnEnd = (error, secured) => {
      if (isOver) return;
      isOver = true;
      limit.cancel();
      if (error !== undefined) socket?.destroy();
      onEnd(error, secured);
    };
    const limit = new TimeLimit(this.#clock, 2 * CONNECT_TIMEOUT_MS, () =>
      end(new Error('no answer in time'), undefined),
    );
    this.#dial((error, dialed) => {
      if (isOver) dialed?.destroy();
      else if (dialed === undefined) end(error, undefined);
      else {
        socket = dialed;
        this.#enter(dialed, end);
      }
    });
    return () => {
      isOver = true;
      limit.cancel();
      socket?.destroy();
    };
  }

  /** Ends every connection. */
  close(): void {
    this.#dialer.close();
  }

  #dial(onEnd: OnEnd): void {
    const connector = this.#dialer.connector({ timeoutMs: CONNECT_TIMEOUT_MS, trust: this.#trust });
    const proxy = this.#way.proxyUrl === undefined ? undefined : new URL(this.#way.proxyUrl);
    // What speaks HTTP is secured by the dialer itself; the broker does not, and would be offered HTTP.
    const target =
      proxy === undefined
        ? { protocol: 'http:', hostname: this.host, port: String(this.port) }
        : { protocol: proxy.protocol, hostname: hostOf(proxy), port: proxy.port };
    connector({ ...target, host: target.hostname }, (error, socket) => onEnd(error ?? undefined, socket ?? undefined));
  }

  #enter(socket: Socket, onEnd: OnEnd): void {
    const { proxyUrl } = this.#way;
    // Whatever ends it on the way; later errors are its user's.
    socket.once('error', (error) => onEnd(error, undefined));
    if (proxyUrl === undefined) {
      this.#secure(socket, onEnd);
      return;
    }
    const { username, password } = new URL(proxyUrl);
    const credentials =
      username === '' && password === ''
        ? undefined
        : `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const name = isIP(this.host) === 6 ? `[${this.host}]` : this.host;
    openTunnel(socket, `${name}:${this.port}`, credentials, (error) => {
      if (error === undefined) this.#secure(socket, onEnd);
      else onEnd(error, undefined);
    });
  }

  #secure(socket: Socket, onEnd: OnEnd): void {
    const { protocol } = this.#way.url;
    if (protocol === 'mqtt:' || protocol === 'ws:') {
      onEnd(undefined, socket);
      return;
    }
    const secured = connectTls({
      socket,
      host: this.host,
      secureContext: this.#trust ?? usualTrust(),
      ...(isIP(this.host) === 0 ? { servername: this.host } : {}),
    });
    secured.once('secureConnect', () => onEnd(undefined, secured));
    secured.once('error', (error) => onEnd(error, undefined));
    secured.once('close', () => onEnd(new Error('no TLS: the connection was closed'), undefined));
  }
}

let usual: SecureContext | undefined;

/** What Node trusts by itself: one context for all connections, where each would make its own. */
function usualTrust(): SecureContext {
  usual ??= createSecureContext();
  return usual;
}
