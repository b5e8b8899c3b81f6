import type { Device } from '../../src/core/device.js';
import type { AskResult, CloudAnswer, CloudClient, SendResult } from '../../src/core/ports.js';

/** A question that waits for the test to answer it. */
export interface OpenQuestion {
  readonly device: Device;
  readonly token: string;
  answer(status: number, message?: string): void;
  fail(reason?: string): void;
}

/** States on their way, until the test answers them. */
export interface SentStates {
  readonly device: Device;
  readonly token: string;
  readonly body: string;
  answer(status: number, message?: string, retryAfterMs?: number): void;
  fail(): void;
}

/** A cloud that answers who may send when it is told to. */
export class FakeCloud implements CloudClient {
  /** All that were asked, in order. */
  readonly questions: OpenQuestion[] = [];
  readonly logIns: { body: Uint8Array; contentType: string; query: string }[] = [];
  /** What log-ins are answered with; undefined: unreachable. */
  logInAnswer: CloudAnswer | undefined = undefined;

  askForDevice(device: Device, token: string): Promise<AskResult> {
    return new Promise((resolve) => {
      this.questions.push({
        device,
        token,
        answer: (status, message = '') => resolve({ kind: 'answer', status, message }),
        fail: (reason = 'no connection') => resolve({ kind: 'failure', reason }),
      });
    });
  }

  async logIn(body: Uint8Array, contentType: string, query: string): Promise<CloudAnswer | undefined> {
    this.logIns.push({ body, contentType, query });
    return this.logInAnswer;
  }

  /** States that were sent; each waits for its answer unless {@link FakeCloud.sendAnswer} is set. */
  readonly sent: SentStates[] = [];
  sendAnswer: SendResult | undefined = undefined;

  bodyMemory(byteLength: number): Buffer {
    return Buffer.allocUnsafe(byteLength);
  }

  sendStates(device: Device, token: string, body: Uint8Array): Promise<SendResult> {
    return new Promise((resolve) => {
      this.sent.push({
        device,
        token,
        body: Buffer.from(body).toString(),
        answer: (status, message = '', retryAfterMs) => resolve({ kind: 'answer', status, retryAfterMs, message }),
        fail: () => resolve({ kind: 'failure', mayArriveLater: true, reason: 'no answer' }),
      });
      if (this.sendAnswer !== undefined) resolve(this.sendAnswer);
    });
  }

  async close(): Promise<void> {}
}
