import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { SendResult } from '../core/cloud-results.js';
import type { Device } from '../core/device.js';
import type { CloudClient } from '../core/ports.js';
import { BodySlots } from './body-slots.js';
import type { FromSender, SenderData, SendOrder } from './send-messages.js';

/** Below this a buffer may be a part of Node's pool, which others use too; and a copy costs little. */
const OWN_ABOVE_BYTES = Buffer.poolSize;

export interface SendThreadOptions extends SenderData {
  /** Absolute path of the built entry, `dist/workers/send-worker.js`. */
  readonly workerFile: string;
  /** Told when its connections were given up, since no good answer came by them. */
  readonly onDistrust: () => void;
}

interface Pending {
  readonly resolve: (result: SendResult) => void;
  /** The slot its body is in. */
  readonly slot: number | undefined;
}

/**
 * Sends states from a thread of its own: each request costs as much of a thread as several states, and the main one has
 * the devices to answer. A thread that dies fails what it had under way, which may still arrive, and the next request
 * starts another.
 */
export class SendThread implements Pick<CloudClient, 'bodyMemory' | 'sendStates' | 'close'> {
  readonly #workerFile: string;
  readonly #data: SenderData;
  readonly #onDistrust: () => void;
  readonly #slots = new BodySlots();
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #orders: SendOrder[] = [];
  #moved: ArrayBuffer[] = [];
  #lastId = 0;

  constructor({ workerFile, url, connections, caFile, proxyUrl, onDistrust }: SendThreadOptions) {
    this.#workerFile = workerFile;
    this.#onDistrust = onDistrust;
    this.#data = { url, connections, caFile, proxyUrl };
  }

  /** Starts the thread, which otherwise the first request does and has to wait for. */
  start(): void {
    this.#running();
  }

  /** As {@link CloudClient.bodyMemory}. */
  bodyMemory(byteLength: number): Buffer {
    const slot = byteLength > OWN_ABOVE_BYTES ? this.#slots.offer(byteLength) : undefined;
    return slot ?? Buffer.allocUnsafe(byteLength);
  }

  /** As {@link CloudClient.sendStates}. */
  sendStates(
    { applicationId, deviceId }: Device,
    token: string,
    body: Uint8Array,
    mayListen = false,
  ): Promise<SendResult> {
    const id = ++this.#lastId;
    if (this.#orders.length === 0) queueMicrotask(() => this.#post());
    const inSlot = this.#slots.take(body);
    this.#orders.push({ id, applicationId, deviceId, token, mayListen, body: inSlot ?? this.#movable(body) });
    return new Promise((resolve) => this.#pending.set(id, { resolve, slot: inSlot?.slot }));
  }

  /** Ends every connection at once; requests that wait for an answer fail. */
  async close(): Promise<void> {
    this.#post();
    const worker = this.#worker;
    if (worker === undefined) return;
    const ended = once(worker, 'exit');
    worker.postMessage('close');
    await ended;
  }

  #movable(body: Uint8Array): Uint8Array {
    if (body.buffer.byteLength <= OWN_ABOVE_BYTES) return new Uint8Array(body);
    this.#moved.push(body.buffer as ArrayBuffer);
    return body;
  }

  #post(): void {
    if (this.#orders.length === 0) return;
    this.#running().postMessage({ orders: this.#orders }, this.#moved);
    this.#orders = [];
    this.#moved = [];
  }

  #running(): Worker {
    this.#worker ??= this.#startWorker();
    return this.#worker;
  }

  #startWorker(): Worker {
    const worker = new Worker(this.#workerFile, { workerData: this.#data });
    let words = 'the sending thread has ended';
    worker.on('message', ({ results, isDistrusted }: FromSender) => {
      if (isDistrusted) this.#onDistrust();
      for (const { id, result } of results) this.#settle(id, result);
    });
    worker.on('error', (error) => {
      words = `the sending thread has failed: ${error.message}`;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined;
      this.#slots.forgetThread();
      for (const id of [...this.#pending.keys()]) this.#settle(id, lost(words));
    });
    return worker;
  }

  #settle(id: number, result: SendResult): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    const isTaken = result.kind === 'answer' && result.status < 300;
    if (pending.slot !== undefined) this.#slots.giveBack(pending.slot, isTaken);
    pending.resolve(result);
  }
}

function lost(words: string): SendResult {
  return { kind: 'failure', mayArriveLater: true, openMs: 0, reason: 'reset', words };
}
