import type { Line } from './line.js';
import { MqttLine } from './mqtt-line.js';
import { WebSocketLine } from './websocket-line.js';

/** What a device's connection speaks; a frame of it is a PUBLISH of QoS 1 by MQTT. */
export type Protocol = 'websocket' | 'mqtt';

export interface Lines {
  readonly protocol: Protocol;
  readonly port: number;
  /** Line i is of the device `firstDevice` + i. */
  readonly firstDevice: number;
  readonly devices: number;
  /** Being opened at a time; as a plant comes up, and not as an attack, unless it says otherwise. */
  readonly atOnce?: number;
}

/**
 * Opens a line for each device, in their order.
 * @param onSettled told of a line's number and how many more of its frames are settled
 * @throws Error when one is closed or refused
 */
export async function openLines(
  { protocol, port, firstDevice, devices, atOnce = 200 }: Lines,
  onSettled: (line: number, frames: number) => void,
): Promise<Line[]> {
  const Kind = protocol === 'mqtt' ? MqttLine : WebSocketLine;
  const open = (i: number) => new Kind(port, firstDevice + i, (frames) => onSettled(i, frames)).opened;
  const lines: Line[] = [];
  while (lines.length < devices) {
    const count = Math.min(atOnce, devices - lines.length);
    const opening = Array.from({ length: count }, (_, i) => open(lines.length + i));
    lines.push(...(await Promise.all(opening)));
  }
  return lines;
}
