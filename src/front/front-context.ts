import type { Authorizer, DeviceLogin } from '../core/auth-ports.js';
import type { Meters } from '../core/metering/meters.js';
import type { RefusalSink } from '../core/metering/refusal-ring.js';
import type { Intake } from '../core/ports.js';
import type { Clock } from '../core/time/clock.js';
import type { Admission } from './admission.js';
import type { DueAcks, DueRefusals } from './due-answers.js';
import type { ArrivingBodies } from './http/arriving-bodies.js';
import type { HttpSockets } from './http/http-sockets.js';
import type { StrangerSockets } from './stranger-sockets.js';

/** What every handler of the front works with. */
export interface FrontContext {
  readonly authorizer: Authorizer;
  readonly deviceLogin: DeviceLogin;
  readonly intake: Intake;
  readonly admission: Admission;
  readonly bodies: ArrivingBodies;
  readonly strangerSockets: StrangerSockets;
  readonly httpSockets: HttpSockets;
  readonly dueAcks: DueAcks;
  readonly dueRefusals: DueRefusals;
  readonly meters: Meters;
  readonly refusals: RefusalSink;
  readonly clock: Clock;
  readonly maxBodyBytes: number;
  /** How devices speak to the proxy. */
  readonly scheme: 'http' | 'https';
  /** Set when the proxy is about to stop: what arrives from then on is refused. */
  stopping: boolean;
  /** HTTP requests that are not answered yet. */
  openRequests: number;
}
