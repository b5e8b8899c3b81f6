import type { Config } from '../config/load.js';
import { MAX_UNANSWERED_BYTES } from '../core/bounds.js';
import type { Clock } from '../core/clock.js';
import type { SetAside } from '../core/dead-letter.js';
import type { FollowedDevices } from '../core/followed-devices.js';
import { MAX_ID_CHARACTERS, RefusalRing } from '../core/refusal-ring.js';
import type { Uplinks } from '../core/uplink-ports.js';
import type { MqttOptions } from '../front/mqtt/mqtt-front.js';
import { Front, type FrontOptions } from '../front/server.js';
import { deviceTlsFiles } from './certificates.js';
import type { LineWriter } from './event-log.js';
import { affordableMqttConnections, maxEventStreams, maxUplinkSessions } from './open-files.js';

/** The device side, as it is configured. */
export function createFront(
  config: Config,
  log: LineWriter,
  parts: Pick<FrontOptions, 'uws' | 'authorizer' | 'deviceLogin' | 'intake' | 'calls' | 'meters'> & {
    readonly clock: Clock;
    readonly followed: FollowedDevices;
    readonly letters: SetAside;
    readonly uplinks: Uplinks | undefined;
  },
): Front {
  const { listen, maxBodyBytes, passthrough, mqttUpstreamSessions } = config;
  const tls = deviceTlsFiles(config);
  const mqtt = mqttOptions(config, log, parts);
  const uplinks = parts.uplinks === undefined ? 0 : maxUplinkSessions(mqttUpstreamSessions, mqtt.maxConnections);
  return new Front({
    ...parts,
    refusals: createRefusals(log, parts.clock, parts.followed),
    host: listen.host,
    port: listen.port,
    ...(tls && { tls }),
    maxBodyBytes,
    maxUnansweredBytes: MAX_UNANSWERED_BYTES,
    passthrough,
    maxPassedCalls: { stream: maxEventStreams(mqtt.maxConnections + uplinks) },
    mqtt,
  });
}

/** Who was refused; each that is new goes to the log, as many of them as that writes of one kind of event. */
function createRefusals(log: LineWriter, clock: Clock, followed: FollowedDevices): RefusalRing {
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
      log.warn({ event: 'mqtt-topic-denied', ...denied }, 'a device publishes to a topic that it may not use'),
    onFault: (err) =>
      log.error({ event: 'mqtt-fault', err }, 'an MQTT connection is closed for a fault of the proxy itself'),
    onLetterFlood: (flood) =>
      log.warn(
        { event: 'mqtt-letters-not-kept', ...flood },
        'a device publishes much that is no state; no more of it is kept as dead letters until an hour has passed',
      ),
  };
}
