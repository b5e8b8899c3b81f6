/** Where front and upstream meet for what the proxy does not serve itself; as `ports.ts`, of which it is a part. */

/** How the proxy calls itself in `Via` (RFC 9110, 7.6.3). */
export const VIA = '1.1 stateway';

/** Fields of one connection alone (RFC 9110, 7.6.1 and 11.7), beside those that `Connection` names: they go no further. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A call of a device that is passed to the cloud as it is. */
export interface PassedCall {
  readonly method: string;
  /** Path and query, byte for byte as they came. */
  readonly target: string;
  /** Names in lower case, in order, repeated ones repeated; hop-by-hop ones already removed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The request body as it arrives; undefined when there is none. Reading it applies back-pressure to the device. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** It is for an event stream, which lasts until one side ends it. */
  readonly isStream: boolean;
  /** Aborted when the device is gone. */
  readonly signal: AbortSignal;
}

/** The head of a log-in, which goes to the cloud as that of any other call. */
export type LogInHead = Pick<PassedCall, 'target' | 'headers'>;

/** Takes the cloud's answer as it comes. */
export interface PassedAnswer {
  /** Once, first. `statusText` as the cloud wrote it. */
  onHead(status: number, statusText: string, headers: readonly (readonly [name: string, value: string])[]): void;
  /** Resolves when more may come: back-pressure from the device. */
  onChunk(chunk: Uint8Array): Promise<void> | undefined;
  /** The answer is whole. */
  onEnd(): void;
  /** It will not become whole. Before `onHead`: nothing was answered yet. */
  onFailure(reason: string): void;
}

/** Passes calls to the cloud and their answers back (contract 1.3, last item). */
export interface CallStream {
  /** Never rejects; resolves when the call is over. */
  pass(call: PassedCall, answer: PassedAnswer): Promise<void>;
}
