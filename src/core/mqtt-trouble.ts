/**
 * What is not well with a device that speaks MQTT, though its connection is.
 * - `shared_id`: two clients take its place from each other
 * - `denied_topic`: it publishes to a topic that it may not use
 * - `denied_filter`: it is not granted what it subscribes to, here or by the cloud's broker
 * - `no_session`: it wants commands, and has no session at the cloud's broker
 */
export type MqttTroubleKind = 'shared_id' | 'denied_topic' | 'denied_filter' | 'no_session';

export interface MqttTrouble {
  readonly deviceId: string;
  readonly kind: MqttTroubleKind;
  /** In words; may hold those of a device or of the cloud: hostile text. */
  readonly words: string;
  /** Wall-clock milliseconds of the last time; where it lasts, since when. */
  readonly atMs: number;
}
