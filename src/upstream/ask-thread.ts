import type { AskResult, CloudClient, LogInResult } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import type { LogInHead } from '../core/passed-call.js';
import { CloudThread } from './cloud-thread.js';
import { type AskerData, type AskOrder, type DeviceOrder, lostQuestion } from './thread-messages.js';

export interface AskThreadOptions extends AskerData {
  /** Absolute path of the built entry, `dist/workers/ask-worker.js`. */
  readonly workerFile: string;
}

/**
 * Asks the cloud from a thread of its own: whoever likes can have it asked, and each question costs as much of a thread as a
 * dozen states of devices that have a grant. A thread that dies fails what it had under way as what could not be asked, and
 * the next question starts another.
 */
export class AskThread implements Pick<CloudClient, 'askForDevice' | 'checkDevice' | 'logIn' | 'close'> {
  readonly #thread: CloudThread<AskOrder, AskResult | LogInResult>;

  constructor({ workerFile, ...data }: AskThreadOptions) {
    this.#thread = new CloudThread<AskOrder, AskResult | LogInResult>({
      name: 'the asking thread',
      workerFile,
      data,
      // Requests of strangers are tasks of their own; those that are read in one turn are one message.
      postLater: setImmediate,
      // Each is an answer to a device, 100 µs of it; of an outage as many come at once as were under way.
      resultsATurn: 16,
      onDistrust: () => {},
      onEnd: () => {},
      lost: lostQuestion,
    });
  }

  /** Starts the thread, which otherwise the first question does and has to wait for. */
  start(): void {
    this.#thread.start();
  }

  /** As {@link CloudClient.askForDevice}. */
  askForDevice(device: Device, token: string): Promise<AskResult> {
    return this.#ask('questions', device, token);
  }

  /** As {@link CloudClient.checkDevice}. */
  checkDevice(device: Device, token: string): Promise<AskResult> {
    return this.#ask('checks', device, token);
  }

  /** Has the cloud say anything at all, without a token. Never rejects. */
  greet(): Promise<AskResult> {
    return this.#thread.run({ kind: 'greeting' }) as Promise<AskResult>;
  }

  /** As {@link CloudClient.logIn}. */
  logIn(body: Uint8Array, { target, headers }: LogInHead): Promise<LogInResult> {
    // A copy, since what it is cut from would go along whole.
    const order: AskOrder = { kind: 'logIns', head: { target, headers }, body: new Uint8Array(body) };
    return this.#thread.run(order) as Promise<LogInResult>;
  }

  /** The next questions go to connections made anew by the cloud's name; those under way go on. */
  renewConnections(): void {
    this.#thread.renewConnections();
  }

  /** Ends every connection at once; questions that wait for an answer fail. */
  close(): Promise<void> {
    return this.#thread.close();
  }

  #ask(kind: DeviceOrder['kind'], { applicationId, deviceId }: Device, token: string): Promise<AskResult> {
    return this.#thread.run({ kind, applicationId, deviceId, token }) as Promise<AskResult>;
  }
}
