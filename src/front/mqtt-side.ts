import type { MqttTransport } from '../core/metering/meters.js';
import type { MqttTrouble } from '../core/mqtt-trouble.js';
import type { MqttSockets } from './mqtt-route.js';

/** The ports that were had, where they are served. */
export interface MqttPorts {
  readonly mqtt: number | undefined;
  readonly mqtts: number | undefined;
}

/** What serves devices that speak MQTT, for the front that they come to. */
export interface MqttSide extends MqttSockets {
  /** @throws Error when an address cannot be had */
  listen(): Promise<MqttPorts>;
  /**
   * New connections over TLS get the certificate that stands in the files; those that are open go on.
   * @throws Error when the files cannot be used; then all is as it was
   */
  renewCertificate(): void;
  /** Open connections. */
  connections(): Record<MqttTransport, number>;
  /** What was not well in the last hour with devices that are accepted. */
  troubles(): MqttTrouble[];
  /** By which transport a device is connected; undefined where it is not. @param deviceId lower case */
  transportOf(deviceId: string): MqttTransport | undefined;
  /** Accepts and reads nothing more, answers what was read, and closes, for `withinMs` at the most. */
  close(withinMs: number): Promise<void>;
}
