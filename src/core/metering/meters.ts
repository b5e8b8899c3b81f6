/**
 * What the stages count. Plain fields, so that counting costs an addition on the hot path; the admin side reads them
 * when Prometheus asks (contract 1.7) and is the only one to know the metrics' names.
 */

import type { FailureReason } from '../cloud-port.js';
import { ERROR_TABLE, type ErrorCode, type StatewayError } from '../errors.js';
import type { UplinkConnectResult } from '../uplink-ports.js';
import type { TraceIds } from './trace-ids.js';

/** An observation that stands for its bucket, with what it is found by elsewhere (OpenMetrics 1.0, "Exemplars"). */
export interface Exemplar {
  /** Ids of a trace or of a request, and nothing else. */
  readonly labels: Readonly<Partial<Record<'trace_id' | 'span_id' | 'request_id', string>>>;
  readonly value: number;
  /** Wall-clock milliseconds. */
  readonly atMs: number;
}

/** A histogram of fixed upper bounds, ready to be shown as a Prometheus histogram. */
export class Distribution {
  /** Upper bounds, rising; a last bucket for everything above is implied. */
  readonly bounds: readonly number[];
  /** Observations per bucket (not cumulative); one longer than `bounds`. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** One for each of `counts` at most; none where they are not kept (`STATEWAY_EXEMPLARS`). */
  get exemplars(): readonly (Exemplar | undefined)[] {
    return [];
  }

  /**
   * Adds `times` observations of `value`.
   * @param _trace what it can be looked up by, where exemplars are kept
   */
  observe(value: number, times = 1, _trace?: TraceIds): void {
    const bucket = this.bucketOf(value);
    this.counts[bucket] = (this.counts[bucket] as number) + times;
    this.sum += value * times;
    this.count += times;
  }

  /** Takes one over that was kept elsewhere, where any are kept. */
  addExemplar(_exemplar: Exemplar): void {}

  protected bucketOf(value: number): number {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
    return bucket;
  }
}

export type MqttTransport = 'mqtt' | 'mqtts' | 'mqtt-ws';
export type Transport = 'http' | 'websocket' | MqttTransport;
/** What became of received states: `accepted` are on stable storage; `refused` the sender must change; `unavailable` may be sent again. */
export type ReceiveResult = 'accepted' | 'refused' | 'unavailable';
export type TokenCacheResult = 'hit' | 'miss' | 'negative' | 'offline';

/** Of whatever takes some milliseconds when all is well. */
export const LATENCY_BOUNDS_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What became of a CONNECT, or of a connection that never sent one that could be read. */
export type MqttConnectResult =
  | 'accepted'
  | 'takeover'
  | 'credentials'
  | 'identifier'
  | 'protocol'
  | 'unavailable'
  | 'full';

/** Why a connection that was accepted has ended. */
export type MqttCloseReason =
  | 'client'
  | 'keepalive'
  | 'takeover'
  | 'protocol'
  | 'slow'
  | 'unavailable'
  | 'stopping'
  | 'revoked';

/** What became of a PUBLISH. */
export type MqttPublishResult =
  | 'state'
  | 'dead_letter'
  | 'not_kept'
  | 'denied'
  | 'oversize'
  | 'upstream'
  | 'unavailable';

/** What became of a message of the cloud's for a device that had subscribed to it: `slow` are dropped. */
export type CommandResult = 'delivered' | 'slow';

/** What is counted of MQTT alone (contract 1.9.8). */
export interface MqttMeters {
  readonly connects: Record<MqttConnectResult, number>;
  readonly closes: Record<MqttCloseReason, number>;
  readonly publishes: Record<MqttPublishResult, number>;
  readonly commands: Record<CommandResult, number>;
  /** Connections to the cloud's broker. */
  readonly uplinkConnects: Record<UplinkConnectResult, number>;
  /** Wills of a topic that is not allowed, of QoS 2, or too large. */
  ignoredWills: number;
  /** Filters of SUBSCRIBE that were answered with 0x80. */
  deniedFilters: number;
}

const BATCH_BOUNDS_STATES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/** What is answered to whoever need only send again, at zero. */
function noneUnavailable(): Map<ErrorCode, number> {
  const codes = Object.entries(ERROR_TABLE).filter(([, { retryable }]) => retryable);
  return new Map(codes.map(([code]) => [code as ErrorCode, 0]));
}

/** All counters of one running proxy. */
export class Meters {
  readonly #unavailable = noneUnavailable();
  readonly received: Record<Transport, Record<ReceiveResult, number>> = {
    http: { accepted: 0, refused: 0, unavailable: 0 },
    websocket: { accepted: 0, refused: 0, unavailable: 0 },
    mqtt: { accepted: 0, refused: 0, unavailable: 0 },
    mqtts: { accepted: 0, refused: 0, unavailable: 0 },
    'mqtt-ws': { accepted: 0, refused: 0, unavailable: 0 },
  };
  /** States not taken that may be sent again, by the code of the answer. */
  readonly unavailable: ReadonlyMap<ErrorCode, number> = this.#unavailable;
  readonly mqtt: MqttMeters = {
    connects: { accepted: 0, takeover: 0, credentials: 0, identifier: 0, protocol: 0, unavailable: 0, full: 0 },
    closes: { client: 0, keepalive: 0, takeover: 0, protocol: 0, slow: 0, unavailable: 0, stopping: 0, revoked: 0 },
    publishes: { state: 0, dead_letter: 0, not_kept: 0, denied: 0, oversize: 0, upstream: 0, unavailable: 0 },
    commands: { delivered: 0, slow: 0 },
    uplinkConnects: { accepted: 0, credentials: 0, refused: 0, unreachable: 0 },
    ignoredWills: 0,
    deniedFilters: 0,
  };
  /** From the last byte of a request or frame to its answer, seconds. */
  readonly ackSeconds: Distribution;
  readonly tokenCache: Record<TokenCacheResult, number> = { hit: 0, miss: 0, negative: 0, offline: 0 };
  /** States that are forwarded though the cloud will ignore them: older than 30 days or more than a day ahead (docs/cloud.md, "States"). */
  outOfWindow = 0;
  /** Attributes without a value that were left out of states that came by MQTT (contract 1.9.4). */
  leftOut = 0;
  /** States the cloud has answered 2xx for. */
  forwarded = 0;
  /** Requests to the cloud by outcome: the status code, or `error` where there was no answer. */
  readonly upstreamRequests = new Map<string, number>();
  /** Calls of any kind of which nothing was learnt, by why. */
  readonly upstreamFailures: Record<FailureReason, number> = {
    dns: 0,
    refused: 0,
    tls: 0,
    timeout: 0,
    reset: 0,
    status: 0,
    not_the_cloud: 0,
    proxy: 0,
  };
  /** Calls that were passed on, by the status that the cloud answered, or `error` where there was no answer. */
  readonly passedCalls = new Map<string, number>();
  readonly upstreamSeconds: Distribution;
  readonly upstreamBatchStates = new Distribution(BATCH_BOUNDS_STATES);

  /** @param timed makes what counts how long requests take */
  constructor(timed = (bounds: readonly number[]) => new Distribution(bounds)) {
    this.ackSeconds = timed(LATENCY_BOUNDS_SECONDS);
    this.upstreamSeconds = timed(LATENCY_BOUNDS_SECONDS);
  }

  /** A body, a frame or a publish was not taken. */
  refuse(transport: Transport, { code, retryable }: Pick<StatewayError, 'code' | 'retryable'>): void {
    this.received[transport][retryable ? 'unavailable' : 'refused']++;
    if (retryable) this.#unavailable.set(code, (this.#unavailable.get(code) as number) + 1);
  }
}
