import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ConnectionOptions,
  connect,
  createInbox,
  credsAuthenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
} from '@nats-io/transport-node';
import { StatewayError } from '../../core/errors.js';
import type { Answer, Talk } from '../talk.js';

/** How long the first connection is tried for, before the start fails. */
const FIRST_CONNECT_WITHIN_MS = 30_000;
/**
 * A server that is frozen, or gone without a word, is noticed after 8 s: two pings, and a dial that waits no longer than
 * this. By the client's defaults it would be minutes.
 */
const PING_MS = 2_000;
const RECONNECT_MS = 200;
/** Of a request in this room that says nothing else. */
export const REPLY_WITHIN_MS = 2_000;

const NO_BYTES = new Uint8Array(0);
/** Of a message that the server itself sends as nobody listens to its subject. */
const NO_RESPONDERS = 503;

export interface LinkOptions {
  readonly urls: readonly string[];
  /** What the servers call the connection. */
  readonly name: string;
  readonly credentialsFile?: string | undefined;
  readonly caFile?: string | undefined;
  /** Told that the connection is gone, and is there again. */
  readonly onChange?: (isUp: boolean, url: string) => void;
}

/** What came of a request. */
export type Reply =
  | { readonly isAnswered: true; readonly payload: Uint8Array }
  /** Whether anybody got it is unknown, unless nobody could. */
  | { readonly isAnswered: false; readonly reason: string };

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * The one connection to the servers. It is made again for ever. What was asked when it broke counts as not answered at once,
 * and so does what is asked while it is gone: the client itself would wait out the time of each.
 */
export class NatsLink implements Talk {
  readonly connection: NatsConnection;
  readonly #inbox = createInbox();
  readonly #pending = new Map<string, Pending>();
  #lastRequest = 0;
  #isUp = true;

  private constructor(connection: NatsConnection, onChange: LinkOptions['onChange']) {
    this.connection = connection;
    connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
    void this.#watch(onChange);
  }

  /** @throws StatewayError when no server can be reached in half a minute, or what it is told to use cannot be used */
  static async open(options: LinkOptions): Promise<NatsLink> {
    const endMs = performance.now() + FIRST_CONNECT_WITHIN_MS;
    const settings = await connectionOptions(options);
    for (;;) {
      try {
        return new NatsLink(await connect(settings), options.onChange);
      } catch (error) {
        if (performance.now() > endMs) {
          const why = error instanceof Error ? error.message : String(error);
          throw new StatewayError('STATEWAY_NATS_AWAY', `no server of STATEWAY_NATS_URL can be used: ${why}`, {
            cause: error,
          });
        }
        await sleep(RECONNECT_MS);
      }
    }
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Of the server that it is connected to. */
  get serverVersion(): string {
    return this.connection.info?.version ?? '0.0.0';
  }

  /** Sends a message and waits for one answer. */
  request(
    subject: string,
    payload: Uint8Array = NO_BYTES,
    { timeoutMs = REPLY_WITHIN_MS, headers }: { timeoutMs?: number; headers?: MsgHdrs } = {},
  ): Promise<Reply> {
    if (!this.#isUp) return Promise.resolve(unanswered('not connected'));
    return new Promise((resolve) => {
      const token = String(++this.#lastRequest);
      const timer = setTimeout(() => this.#end(token, unanswered(`no answer within ${timeoutMs} ms`)), timeoutMs);
      this.#pending.set(token, { resolve, timer });
      try {
        const reply = `${this.#inbox}.${token}`;
        this.connection.publish(subject, payload, headers === undefined ? { reply } : { reply, headers });
      } catch (error) {
        this.#end(token, unanswered(error instanceof Error ? error.message : String(error)));
      }
    });
  }

  /** Sends a message that nothing comes back of. */
  send(subject: string, payload: Uint8Array, headers: MsgHdrs): void {
    this.connection.publish(subject, payload, { headers });
  }

  say(subject: string, payload: Uint8Array): void {
    if (this.#isUp) this.connection.publish(subject, payload);
  }

  listen(subject: string, onMessage: (payload: Uint8Array, answer: Answer | undefined) => void): () => void {
    const subscription = this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const answer: Answer | undefined =
          message.reply === undefined || message.reply === '' ? undefined : (payload) => void message.respond(payload);
        onMessage(message.data, answer);
      },
    });
    return () => subscription.unsubscribe();
  }

  async ask(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array | undefined> {
    const reply = await this.request(subject, payload, { timeoutMs });
    return reply.isAnswered ? reply.payload : undefined;
  }

  async close(): Promise<void> {
    this.#isUp = false;
    this.#endAll('the connection is closed');
    await this.connection.close();
  }

  #take(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const isUnheard = message.data.length === 0 && message.headers?.code === NO_RESPONDERS;
    this.#end(token, isUnheard ? unanswered('nobody serves it') : { isAnswered: true, payload: message.data });
  }

  #end(token: string, reply: Reply): void {
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    clearTimeout(pending.timer);
    pending.resolve(reply);
  }

  #endAll(reason: string): void {
    for (const token of [...this.#pending.keys()]) this.#end(token, unanswered(reason));
  }

  async #watch(onChange: LinkOptions['onChange']): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === 'disconnect') {
        this.#isUp = false;
        this.#endAll('the connection broke');
        onChange?.(false, status.server);
      } else if (status.type === 'reconnect') {
        this.#isUp = true;
        onChange?.(true, status.server);
      }
    }
  }
}

function unanswered(reason: string): Reply {
  return { isAnswered: false, reason };
}

async function connectionOptions({ urls, name, credentialsFile, caFile }: LinkOptions): Promise<ConnectionOptions> {
  return {
    servers: [...urls],
    name,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: 2,
    timeout: REPLY_WITHIN_MS,
    noAsyncTraces: true,
    ...(caFile === undefined ? {} : { tls: { caFile } }),
    ...(credentialsFile === undefined ? {} : { authenticator: credsAuthenticator(await readFile(credentialsFile)) }),
  };
}
