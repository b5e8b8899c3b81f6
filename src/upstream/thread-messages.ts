/**
 * What passes between the main thread and one that talks with the cloud for it, each by connections of its own. Orders that
 * come up in one turn of the main thread's event loop are one message, and so are the results of what ended in one turn of
 * the other. Ids are the main thread's, and each is answered once, even if the thread dies. What came up before a `renew` is
 * posted before it, and goes by the connections of before. A `close` is the last message: what has no answer yet fails, the
 * results are posted, and the thread ends by itself.
 */
export type ToThread<Order> = { readonly orders: readonly Numbered<Order>[] } | 'renew' | 'close';

export interface Numbered<Order> {
  readonly id: number;
  readonly order: Order;
}

export interface FromThread<Result> {
  readonly results: readonly { readonly id: number; readonly result: Result }[];
  /** Whether connections were given up meanwhile, since no good answer came by them. */
  readonly isDistrusted: boolean;
}

/** The way to the cloud, as such a thread is told at its start. */
export interface CloudWay {
  readonly url: string;
  readonly caFile: string | undefined;
  /** As in `AgentOptions`. */
  readonly proxyUrl: string | undefined;
  /** As in `UpstreamOptions`. */
  readonly answerTimeoutMs?: number;
}
