import type { AskResult, LogInResult, SendResult } from './cloud-results.js';
import type { Device } from './device.js';
import type { LogInHead } from './passed-call.js';

/**
 * The one client of the cloud. Its promises never reject. It alone judges what is the cloud's word: a `failure` is all
 * that is not, whatever came, and nothing may be granted, settled, ended or given up by it (contract 1.4, 1.5).
 */
export interface CloudClient {
  /** Memory for the body of the next {@link CloudClient.sendStates}, until either is called again. */
  bodyMemory(byteLength: number): Buffer;
  /**
   * `POST /applications/:a/devices/:d/state` with a JSON body, which is the client's from the call on.
   * @param mayListen whether a late answer may be listened for, while the request still counts (`openMs` of the result)
   */
  sendStates(device: Device, token: string, body: Uint8Array, mayListen?: boolean): Promise<SendResult>;
  /** `GET /applications/:a/devices/:d`: may this token see this device? For tokens that nothing is known of. */
  askForDevice(device: Device, token: string): Promise<AskResult>;
  /** The same for a token that is known here, over connections that unknown ones never take. */
  checkDevice(device: Device, token: string): Promise<AskResult>;
  /** `POST /auth/device`. */
  logIn(body: Uint8Array, head: LogInHead): Promise<LogInResult>;
  close(): Promise<void>;
}
