/** Where stages meet the cloud: its one client, and what comes of a call: its own answer, or nothing that counts (contract 1.4, 1.5). */

import type { AuthedDevice } from './cloud-shapes.js';
import type { Device } from './device.js';
import type { TraceIds } from './metering/trace-ids.js';
import type { CallStream, LogInHead, PassedCall } from './passed-call.js';

/**
 * Why nothing was learnt from the cloud: the closed set of contract 1.7.
 *
 * - `dns`: its name does not resolve
 * - `refused`: no connection is made
 * - `tls`: its certificate is not trusted, or TLS fails otherwise
 * - `timeout`: no connection, or no whole answer, in time
 * - `reset`: the connection ended before the answer did
 * - `status`: it answered 500 or more
 * - `not_the_cloud`: something else answered, such as a portal or a firewall
 * - `proxy`: the proxy on the way to it lets nothing through
 */
export type FailureReason = 'dns' | 'refused' | 'tls' | 'timeout' | 'reset' | 'status' | 'not_the_cloud' | 'proxy';

/** What is the matter with the cloud, or with the way to it. */
export interface CloudTrouble {
  readonly reason: FailureReason;
  /** For people: what happened. Of a body it holds at most the message of the cloud's own error. */
  readonly words: string;
  /** What the system, OpenSSL or an answer's status line calls it: `ENOTFOUND`, `SELF_SIGNED_CERT_IN_CHAIN`, `302`. */
  readonly code?: string;
}

/** What the cloud was called for: with states, about a token or a log-in, for a device, or by the proxy for itself. */
export type CloudCall = 'states' | 'check' | 'log-in' | 'passed call' | 'greeting';

/** A call to the cloud of which nothing was learnt. */
export interface CallTrouble extends CloudTrouble {
  readonly call: CloudCall;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
}

/** The cloud could not be asked: no answer came, or one that is not its own. */
export interface CloudFailure extends CloudTrouble {
  readonly kind: 'failure';
}

/** What the cloud's clock showed in an answer of its own. Readings of the monotonic clock tell when that was. */
export interface CloudDate {
  /** Wall-clock milliseconds, whole seconds, of its `Date`; undefined without one. */
  readonly dateMs: number | undefined;
  /** When the request was written: not before that. */
  readonly sentMs: number;
  /** When the head of the answer was there: not after that. */
  readonly heardMs: number;
}

/** An answer of the cloud to a log-in. */
export interface CloudAnswer {
  readonly status: number;
  /** Content type of the body as the cloud named it. */
  readonly contentType: string;
  /** Not coded. */
  readonly body: Uint8Array;
  /** What the cloud wrote, to be handed on; undefined for an answer of before that is given again. */
  readonly asItCame?: {
    /** In order, repeated ones repeated, one character for each byte; those of the connection are removed. */
    readonly headers: PassedCall['headers'];
    readonly body: Uint8Array;
  };
}

/** What came of one `POST …/state`. An `answer` below 500 is the cloud's own; 429 may be that of a balancer before it. */
export type SendResult = SendAnswer & {
  /** Of the call, where it is traced and its trace is kept. */
  readonly trace?: TraceIds;
};

type SendAnswer =
  | {
      readonly kind: 'answer';
      /** 2xx: the cloud has said `{"success":true}`. Never 1xx or 3xx. */
      readonly status: number;
      /** Milliseconds of `Retry-After`, if there was one. */
      readonly retryAfterMs: number | undefined;
      /** The cloud's error message, if it sent one, cut to 1,000 characters. */
      readonly message: string;
      /** Whether the answer has the cloud's shape. False only with 429, and from 500 on. */
      readonly isCloudsOwn: boolean;
      /** Undefined of an answer that is not the cloud's own. */
      readonly cloudDate: CloudDate | undefined;
    }
  /**
   * `mayArriveLater`: the request left, so the cloud may still count it. `openMs`: for so long its connection stays open
   * at most, and a late answer is listened for; what a line held back may go out on it until then.
   */
  | (CloudFailure & { readonly mayArriveLater: boolean; readonly openMs: number });

/** What the cloud says of (token, application, device). */
export type AskResult =
  | {
      readonly kind: 'answer';
      /** 200: it has shown that very device. Otherwise as of {@link SendResult}. */
      readonly status: number;
      readonly message: string;
      readonly cloudDate: CloudDate | undefined;
      /** What it calls the device that it has shown, cut; hostile text. */
      readonly deviceName?: string;
    }
  | CloudFailure;

/** What the cloud says to a log-in. */
export type LogInResult =
  | {
      readonly kind: 'answer';
      /** 200, 4xx or 5xx, in the cloud's shape; to be handed on. */
      readonly answer: CloudAnswer;
      /** What a 200 has brought; undefined with any other status. */
      readonly authed: AuthedDevice | undefined;
      readonly cloudDate: CloudDate | undefined;
    }
  | CloudFailure;

/** What whoever is called can do, by why nothing was learnt from the cloud: one sentence each, for log, page and `check`. */
export const FAILURE_REMEDIES: Readonly<Record<FailureReason, string>> = {
  dns: 'See that the host in STATEWAY_UPSTREAM_URL is spelt right and that the DNS server of this machine knows it.',
  refused:
    'See that host and port in STATEWAY_UPSTREAM_URL are right and that the firewall lets connections to them out.',
  tls: 'If a firewall here opens TLS, put its CA certificate into STATEWAY_UPSTREAM_CA_FILE; else see that the clock is right and the certificate is for this host.',
  timeout: 'See whether the line is up and whether the firewall drops connections to the cloud.',
  reset: 'See whether a firewall or proxy on the way cuts connections to the cloud.',
  status: "The cloud, or a balancer before it, is failing: see the cloud's status page. It is tried again by itself.",
  not_the_cloud:
    "Something else answers in the cloud's place: log in to the network's portal, have the firewall let the cloud's host through, or correct STATEWAY_UPSTREAM_URL.",
  proxy: 'See that HTTPS_PROXY names the right proxy, with its credentials, and that it lets the cloud through.',
};

/**
 * The one client of the cloud. Its promises never reject. It alone judges what is the cloud's word: a `failure` is all
 * that is not, whatever came, and nothing may be granted, settled, ended or given up by it (contract 1.4, 1.5).
 */
export interface CloudClient {
  /** Memory for the body of the next {@link CloudClient.sendStates}, until either is called again. */
  bodyMemory(byteLength: number): Buffer;
  /**
   * `POST /applications/:a/devices/:d/state` with a JSON body, which is the client's from the call on.
   * @param mayListen whether a late answer may be listened for, while the request still counts (`openMs` of the result)
   */
  sendStates(device: Device, token: string, body: Uint8Array, mayListen?: boolean): Promise<SendResult>;
  /** `GET /applications/:a/devices/:d`: may this token see this device? For tokens that nothing is known of. */
  askForDevice(device: Device, token: string): Promise<AskResult>;
  /** The same for a token that is known here, over connections that unknown ones never take. */
  checkDevice(device: Device, token: string): Promise<AskResult>;
  /** `POST /auth/device`. */
  logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult>;
  close(): Promise<void>;
}

/** Where app and tracing meet: each call to the cloud becomes a span of OpenTelemetry. */
export interface UpstreamTracing {
  /** The same client, whose calls are told of. */
  cloud(client: CloudClient): CloudClient;
  /** The same calls, told of as a part of what their devices trace. */
  calls(calls: CallStream): CallStream;
  /** Sends what there is, for a second at most, and ends. Never rejects. */
  close(): Promise<void>;
}
