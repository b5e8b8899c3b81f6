import type { HttpRequest, HttpResponse } from 'uws-current';
import type { Asker } from '../core/auth-ports.js';
import { MQTT_SOCKET_KEEPS_MS } from '../core/bounds.js';
import type { MqttTrouble } from '../core/device-report.js';
import { StatewayError } from '../core/errors.js';
import { askerOf, clientAddress } from '../core/machine/network.js';
import type { MqttTransport } from '../core/metering/meters.js';
import { overloaded } from './admission.js';
import type { FrontContext } from './front-context.js';
import { refuseHead } from './http/refuse-head.js';
import type { StrangerPlace } from './stranger-sockets.js';
import type { ServedSocket } from './uws.js';

/** Serves MQTT over a WebSocket. */
export interface MqttSockets {
  /** A WebSocket that has asked for MQTT, to be opened. @param peer its address, for people */
  overSocket(peer: string, asker: Asker, place: StrangerPlace): ServedSocket;
}

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

/** The names of MQTT as a subprotocol; the second is that of clients before 3.1.1. The first that is offered is taken. */
const PROTOCOLS = ['mqtt', 'mqttv3.1'];

/**
 * What to answer to a client that asks for MQTT, whatever the path: the vendor's own clients ask for different ones.
 * @param offered value of `Sec-WebSocket-Protocol`
 * @returns undefined where it does not
 */
export function mqttProtocolOf(offered: string): string | undefined {
  if (offered === '') return undefined;
  const names = offered.split(',').map((name) => name.trim());
  return PROTOCOLS.find((protocol) => names.includes(protocol));
}

/**
 * Opens a WebSocket for MQTT. Who is at the other end says its first packet, so that until then it counts as a stranger's.
 * @param complete answers the upgrade with the protocol
 */
export function openMqttSocket(
  context: FrontContext,
  mqtt: MqttSockets,
  res: HttpResponse,
  complete: (socket: ServedSocket) => void,
): void {
  const asker = askerOf(res);
  const place = context.stopping ? undefined : context.strangerSockets.take(asker.address, MQTT_SOCKET_KEEPS_MS);
  if (place !== undefined) {
    complete(mqtt.overSocket(clientAddress(res.getRemoteAddress()), asker, place));
    return;
  }
  const error = context.stopping
    ? new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; connect again shortly')
    : overloaded();
  refuseHead(context.bodies, res, error, { isHead: false, framing: 'none' });
}

/** Whether a request to open a WebSocket is for MQTT. */
export function asksForMqtt(req: HttpRequest): string | undefined {
  return mqttProtocolOf(req.getHeader('sec-websocket-protocol'));
}
