import type { CloudClient, SendResult } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import { BodySlots } from './body-slots.js';
import { CloudThread } from './cloud-thread.js';
import { lostStates, type SenderData, type SendOrder } from './thread-messages.js';

/** Below this a buffer may be a part of Node's pool, which others use too; and a copy costs little. */
const OWN_ABOVE_BYTES = Buffer.poolSize;

export interface SendThreadOptions extends SenderData {
  /** Absolute path of the built entry, `dist/workers/send-worker.js`. */
  readonly workerFile: string;
  /** Told when its connections were given up, since no good answer came by them. */
  readonly onDistrust: () => void;
}

/**
 * Sends states from a thread of its own: each request costs as much of a thread as several states, and the main one has
 * the devices to answer. A thread that dies fails what it had under way, which may still arrive, and the next request
 * starts another.
 */
export class SendThread implements Pick<CloudClient, 'bodyMemory' | 'sendStates' | 'close'> {
  readonly #thread: CloudThread<SendOrder, SendResult>;
  readonly #slots = new BodySlots();

  constructor({ workerFile, onDistrust, ...data }: SendThreadOptions) {
    this.#thread = new CloudThread({
      name: 'the sending thread',
      workerFile,
      data,
      // What lanes send together they send in one task.
      postLater: queueMicrotask,
      resultsATurn: Number.POSITIVE_INFINITY,
      onDistrust,
      onEnd: () => this.#slots.forgetThread(),
      lost: lostStates,
    });
  }

  /** Starts the thread, which otherwise the first request does and has to wait for. */
  start(): void {
    this.#thread.start();
  }

  /** As {@link CloudClient.bodyMemory}. */
  bodyMemory(byteLength: number): Buffer {
    const slot = byteLength > OWN_ABOVE_BYTES ? this.#slots.offer(byteLength) : undefined;
    return slot ?? Buffer.allocUnsafe(byteLength);
  }

  /** As {@link CloudClient.sendStates}. */
  async sendStates(
    { applicationId, deviceId }: Device,
    token: string,
    body: Uint8Array,
    mayListen = false,
  ): Promise<SendResult> {
    const inSlot = this.#slots.take(body);
    const isMoved = inSlot === undefined && body.buffer.byteLength > OWN_ABOVE_BYTES;
    const sent = inSlot ?? (isMoved ? body : new Uint8Array(body));
    const order = { applicationId, deviceId, token, mayListen, body: sent };
    const result = await this.#thread.run(order, isMoved ? (body.buffer as ArrayBuffer) : undefined);
    const isTaken = result.kind === 'answer' && result.status < 300;
    if (inSlot !== undefined) this.#slots.giveBack(inSlot.slot, isTaken);
    return result;
  }

  /** Ends every connection at once; requests that wait for an answer fail. */
  close(): Promise<void> {
    return this.#thread.close();
  }
}
