import { pause } from '../core/time/clock.js';
import type { JsonPoster } from './fleet-http.js';
import type { PlannedDevice } from './fleet-plan.js';

const RETRY_AFTER_MS = 500;
const MAX_ATTEMPTS = 20;

/** A device's log-in through the proxy, as its firmware would do it. */
export class DeviceSession {
  readonly device: PlannedDevice;
  /** Where the device's states go. */
  readonly statePath: string;
  token = '';
  readonly #poster: JsonPoster;
  #isClosed = false;

  constructor(device: PlannedDevice, poster: JsonPoster) {
    this.device = device;
    this.statePath = `/applications/${device.applicationId}/devices/${device.deviceId}/state`;
    this.#poster = poster;
  }

  /** No further attempt to log in. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * Gets a token, trying again while there is no answer or one that says to.
   * @throws Error when the log-in is refused, was tried too often, or the session is closed
   */
  async logIn(): Promise<void> {
    const body = JSON.stringify({ deviceId: this.device.deviceId, ...this.device.credentials });
    let reason = 'the session is closed';
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !this.#isClosed; attempt++) {
      if (attempt > 0) await pause(RETRY_AFTER_MS);
      const answer = await this.#poster.post('/auth/device', undefined, body).catch((error: Error) => error);
      if (answer instanceof Error) {
        reason = answer.message;
        continue;
      }
      if (answer.status === 200) {
        this.token = (JSON.parse(answer.body) as { token: string }).token;
        return;
      }
      reason = `${answer.status} ${answer.body.slice(0, 300)}`;
      if (answer.status !== 429 && answer.status < 500) break;
    }
    throw new Error(`device ${this.device.deviceId} could not log in: ${reason}`);
  }
}
