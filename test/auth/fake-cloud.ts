import type { Device } from '../../src/core/device.js';
import type { AskResult, CloudAnswer, CloudClient, SendResult } from '../../src/core/ports.js';

/** A question that waits for the test to answer it. */
export interface OpenQuestion {
  readonly device: Device;
  readonly token: string;
  answer(status: number, message?: string): void;
  fail(reason?: string): void;
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

  sendStates(): Promise<SendResult> {
    throw new Error('auth sends no states');
  }

  async close(): Promise<void> {}
}
