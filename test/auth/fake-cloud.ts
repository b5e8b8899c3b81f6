import type { FirstStatesOptions } from '../../src/auth/first-states.js';
import type { Asker } from '../../src/core/auth-ports.js';
import type {
  AskResult,
  CloudAnswer,
  CloudClient,
  CloudFailure,
  LogInResult,
  SendResult,
} from '../../src/core/cloud-port.js';
import { authedDeviceOf, cloudErrorOf, jsonObjectOf } from '../../src/core/cloud-shapes.js';
import type { Device } from '../../src/core/device.js';
import type { LogInHead } from '../../src/core/passed-call.js';

/** A question that waits for the test to answer it. */
export interface OpenQuestion {
  readonly device: Device;
  readonly token: string;
  /** @param deviceName as the cloud shows it with a yes */
  answer(status: number, message?: string, deviceName?: string): void;
  fail(): void;
}

/** States on their way, until the test answers them. */
export interface SentStates {
  readonly device: Device;
  readonly token: string;
  readonly body: string;
  answer(status: number, message?: string, retryAfterMs?: number): void;
  fail(): void;
}

/** The cloud has taken states. */
export const TAKEN: Extract<SendResult, { kind: 'answer' }> = {
  kind: 'answer',
  status: 200,
  retryAfterMs: undefined,
  message: '',
  isCloudsOwn: true,
  cloudDate: undefined,
};

/** Who asks, where it does not matter. */
export const ASKER: Asker = { address: '192.0.2.1' };

const NO_CONNECTION: CloudFailure = { kind: 'failure', reason: 'refused', words: 'no connection' };

/** A cloud that answers who may send when it is told to. */
export class FakeCloud implements CloudClient {
  /** All that were asked, in order. */
  readonly questions: OpenQuestion[] = [];
  readonly logIns: { body: Uint8Array; head: LogInHead }[] = [];
  /** What log-ins are answered with, in the cloud's shape or not; undefined: unreachable. */
  logInAnswer: CloudAnswer | undefined = undefined;

  askForDevice(device: Device, token: string): Promise<AskResult> {
    return new Promise((resolve) => {
      this.questions.push({
        device,
        token,
        answer: (status, message = '', deviceName) =>
          resolve({ kind: 'answer', status, message, cloudDate: undefined, ...(deviceName && { deviceName }) }),
        fail: () => resolve(NO_CONNECTION),
      });
    });
  }

  /** Among the questions. */
  checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.askForDevice(device, token);
  }

  async logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult> {
    this.logIns.push({ body, head });
    const answer = this.logInAnswer;
    if (answer === undefined) return NO_CONNECTION;
    const members = jsonObjectOf(answer.body) ?? {};
    const authed = answer.status === 200 ? authedDeviceOf(members) : undefined;
    const isError = answer.status >= 400 && cloudErrorOf(members) !== undefined;
    if (authed === undefined && !isError) return { kind: 'failure', reason: 'not_the_cloud', words: 'a page' };
    return { kind: 'answer', answer, authed, cloudDate: undefined };
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
        answer: (status, message = '', retryAfterMs) => resolve({ ...TAKEN, status, retryAfterMs, message }),
        fail: () => resolve({ ...NO_CONNECTION, mayArriveLater: true, openMs: 0 }),
      });
      if (this.sendAnswer !== undefined) resolve(this.sendAnswer);
    });
  }

  async close(): Promise<void> {}
}

/** How first states reach a cloud where nothing waits for their devices. */
export function straightTo(cloud: FakeCloud): Pick<FirstStatesOptions, 'accepted' | 'forward'> {
  return {
    accepted: () => Promise.resolve(),
    forward: async (device, token, { bytes }) => ({
      result: await cloud.sendStates(device, token, bytes),
      isOfBody: true,
    }),
  };
}
