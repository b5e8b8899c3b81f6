import type { Config } from '../config/load.js';
import type { SetAside } from '../core/dead-letter.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import { MAX_ID_CHARACTERS, RefusalRing } from '../core/metering/refusal-ring.js';
import type { Clock } from '../core/time/clock.js';
import type { Uplinks } from '../core/uplink-ports.js';
import { MqttFront, type MqttOptions } from '../front/mqtt/mqtt-front.js';
import { Front, type FrontOptions } from '../front/server.js';
import {
  affordableMqttConnections,
  maxEventStreams,
  maxMqttConnections,
  maxUplinkSessions,
} from './capacity/open-files.js';
import { deviceTlsFiles } from './certificates.js';
import { frontLimits } from './front-limits.js';
import type { LineWriter } from './log/event-log.js';

/** What the front of the main thread works with, beside the options. */
export type FrontSurroundings = Pick<
  FrontOptions,
  'uws' | 'authorizer' | 'deviceLogin' | 'intake' | 'calls' | 'meters' | 'refusals' | 'clock'
> & {
  readonly letters: SetAside;
  readonly uplinks: Uplinks | undefined;
};

/**
 * The device side of the main thread: all of it, or where front threads serve HTTP and WebSocket only MQTT, whose
 * WebSockets they hand over.
 */
export function createFront(
  config: Config,
  log: LineWriter,
  { letters, uplinks, ...parts }: FrontSurroundings,
): { readonly front: Front; readonly mqtt: MqttFront } {
  const tls = deviceTlsFiles(config);
  const options = mqttOptions(config, log, { letters, uplinks });
  let mqtt: MqttFront | undefined;
  const front = new Front({
    ...parts,
    ...frontLimits(config, maxStreams(config), 1),
    listen: config.fronts === 0 ? config.listen : undefined,
    ...(tls && { tls }),
    mqtt: (context) => {
      mqtt = new MqttFront(context, options);
      return mqtt;
    },
  });
  return { front, mqtt: mqtt as MqttFront };
}

/** Event streams that there may be at once, of all fronts together. */
export function maxStreams({ mqttMaxConnections, mqttUpstreamSessions, commandBroker }: Config): number {
  const connections = maxMqttConnections(mqttMaxConnections);
  const uplinks = commandBroker === undefined ? 0 : maxUplinkSessions(mqttUpstreamSessions, connections);
  return maxEventStreams(connections + uplinks);
}

/** Who was refused; each that is new goes to the log, as many of them as that writes of one kind of event. */
export function createRefusals(log: LineWriter, clock: Clock, followed: FollowedDevices): RefusalRing {
  return new RefusalRing(clock, {
    followed,
    onFirst: ({ applicationId, deviceId, address, code, message, trace }) =>
      log.warn(
        { event: 'device-refused', applicationId, deviceId, address, code, reason: message, ...trace },
        'a device is refused',
      ),
    onTurnedAway({ code, message }, { deviceId, address }) {
      // The log has that it stops.
      if (code === 'STATEWAY_STOPPING') return;
      log.warn(
        {
          event: 'devices-turned-away',
          code,
          reason: message,
          deviceId: deviceId.slice(0, MAX_ID_CHARACTERS),
          address,
        },
        'devices are told to come again',
      );
    },
  });
}

function mqttOptions(
  config: Config,
  log: LineWriter,
  { letters, uplinks }: Pick<MqttOptions, 'letters' | 'uplinks'>,
): MqttOptions {
  const { mqttListen, mqttTlsListen, mqttMaxInflight } = config;
  const tls = deviceTlsFiles(config);
  return {
    listen: mqttListen === 'off' ? undefined : mqttListen,
    tlsListen: mqttTlsListen === 'off' || tls === undefined ? undefined : { ...mqttTlsListen, ...tls },
    maxConnections: affordableMqttConnections(config, log),
    maxInflight: mqttMaxInflight,
    letters,
    uplinks,
    random: Math.random,
    onFlapping: (flapping) =>
      log.warn(
        { event: 'mqtt-id-shared', ...flapping },
        'two MQTT clients use one device id, and take it from each other',
      ),
    onDenied: (denied) =>
      log.warn(
        { event: 'mqtt-topic-denied', ...denied },
        denied.use === 'publish'
          ? 'a device publishes to a topic that it may not use'
          : 'a device subscribes to a topic that it may not use',
      ),
    onFault: (err) =>
      log.error({ event: 'mqtt-fault', err }, 'an MQTT connection is closed for a fault of the proxy itself'),
    onLetterFlood: (flood) =>
      log.warn(
        { event: 'mqtt-letters-not-kept', ...flood },
        'a device publishes much that is no state; no more of it is kept as dead letters until an hour has passed',
      ),
  };
}
