import { isId } from '../../core/device.js';

/** Why a log-in is refused. */
export type RefusalReason =
  | 'protocol'
  | 'identifier'
  | 'credentials'
  | 'clean-session'
  | 'will'
  | 'banned'
  | 'too-many-connections'
  | 'fault';

/** What a CONNECT packet says, as the broker's library has it. */
export interface ConnectRequest {
  readonly protocolVersion?: number | undefined;
  /** Set for a bridge, which says so by a bit in its version. */
  readonly bridgeMode?: boolean | undefined;
  readonly clientId: string;
  readonly clean?: boolean | undefined;
  readonly username?: string | undefined;
  readonly password?: Uint8Array | string | undefined;
  readonly will?: { readonly qos?: number | undefined; readonly retain?: boolean | undefined } | undefined;
}

/** A log-in refused. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** Code of the CONNACK (MQTT 3.1.1, table 3.1); undefined: the connection is closed without one. */
  readonly code: ConnackCode | undefined;
}

export const CONNACK = {
  protocol: 1,
  identifier: 2,
  unavailable: 3,
  credentials: 4,
  unauthorized: 5,
} as const;
export type ConnackCode = (typeof CONNACK)[keyof typeof CONNACK];

/**
 * What the broker has against a log-in before it looks the device up (docs/cloud.md, "The broker"). Where the facts are
 * silent on the answer, the connection is closed without a word, the hardest for a client to live with.
 */
export function refusalOf(request: ConnectRequest): Refusal | undefined {
  if (request.protocolVersion !== 4 || request.bridgeMode === true)
    return { reason: 'protocol', code: CONNACK.protocol };
  if (!isId(request.clientId)) return { reason: 'identifier', code: CONNACK.identifier };
  if (request.clean !== true) return { reason: 'clean-session', code: undefined };
  if (request.will?.retain === true || request.will?.qos === 2) return { reason: 'will', code: undefined };
  if (!request.username || !request.password?.length) return { reason: 'credentials', code: CONNACK.credentials };
  return undefined;
}

/** The whole packet (clause 3.2). */
export function connackOf(code: ConnackCode): Uint8Array {
  return Uint8Array.of(0x20, 2, 0, code);
}
