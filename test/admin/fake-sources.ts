import type { AdminSources, CloudView, Readiness } from '../../src/admin/admin-sources.js';
import { Meters } from '../../src/core/meters.js';
import { FakeClock } from '../helpers/fake-clock.js';

/** Sources with a value of its own behind every figure, so that two that are mixed up show. */
export class FakeSources implements AdminSources {
  readonly build = { version: '1.2.3', node: 'v20.19.0', uws: 'uws-current 20.57.0' };
  readonly meters = new Meters();
  readonly clock = new FakeClock();
  readonly startedAtMs = this.clock.wallMs() - 90_000;
  isReady: Readiness = { ready: true, reason: 'accepting states' };
  oldestStoredAtMs: number | undefined = this.clock.wallMs() - 2_500;
  isCloudUp = true;
  spoolFailure: Error | undefined = undefined;

  readiness() {
    return this.isReady;
  }

  cloud(): CloudView {
    return { url: 'https://cloud.test', up: this.isCloudUp, sinceMs: this.startedAtMs + 1_000 };
  }

  spoolStatus() {
    if (this.spoolFailure !== undefined) throw this.spoolFailure;
    return { bytes: 4_096, states: 17, oldestStoredAtMs: this.oldestStoredAtMs, unreadableRecords: 3, deadLetters: 5 };
  }

  lanes() {
    return { idle: 11, pacing: 12, backoff: 13, parked: 14 };
  }

  connections() {
    return { http: 21, websocket: 22 };
  }

  queueDepth() {
    return 31;
  }
}
