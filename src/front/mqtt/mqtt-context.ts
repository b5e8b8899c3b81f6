import type { Uplinks } from '../../core/uplink-ports.js';
import type { FrontContext } from '../front-context.js';
import type { DeviceLetters } from './device-letters.js';
import type { LogIns } from './log-ins.js';
import type { DeniedTopics } from './recent-troubles.js';
import type { RefusalHolds, StrangerLines } from './stranger-lines.js';
import type { Takeovers } from './takeovers.js';

/** What every MQTT connection works with. */
export interface MqttContext {
  readonly front: FrontContext;
  readonly letters: DeviceLetters;
  /** Where commands come from; undefined where they are off. */
  readonly uplinks: Uplinks | undefined;
  readonly logIns: LogIns;
  readonly takeovers: Takeovers;
  readonly holds: RefusalHolds;
  readonly strangers: StrangerLines;
  readonly denied: DeniedTopics;
  /** Told of a fault of our own, where a connection was closed for it. */
  readonly onFault: (error: unknown) => void;
  /** Publishes of one connection that are not answered (`STATEWAY_MQTT_MAX_INFLIGHT`). */
  readonly maxInflight: number;
}
