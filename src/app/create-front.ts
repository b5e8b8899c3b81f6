import type { Config } from '../config/load.js';
import { MAX_UNANSWERED_BYTES } from '../core/bounds.js';
import type { Clock } from '../core/clock.js';
import type { SetAside } from '../core/dead-letter.js';
import type { MqttOptions } from '../front/mqtt/mqtt-front.js';
import { Front, type FrontOptions } from '../front/server.js';
import type { LineWriter } from './event-log.js';
import { maxEventStreams } from './open-files.js';

/** The device side, as it is configured. */
export function createFront(
  config: Config,
  log: LineWriter,
  parts: Pick<FrontOptions, 'uws' | 'authorizer' | 'deviceLogin' | 'intake' | 'calls' | 'meters'> & {
    readonly clock: Clock;
    readonly letters: SetAside;
  },
): Front {
  const { listen, tlsCertFile, tlsKeyFile, maxBodyBytes, passthrough } = config;
  return new Front({
    ...parts,
    host: listen.host,
    port: listen.port,
    ...(tlsCertFile && tlsKeyFile ? { tls: { certFile: tlsCertFile, keyFile: tlsKeyFile } } : {}),
    maxBodyBytes,
    maxUnansweredBytes: MAX_UNANSWERED_BYTES,
    passthrough,
    maxPassedCalls: { stream: maxEventStreams() },
    mqtt: mqttOptions(config, log, parts.letters),
  });
}

function mqttOptions(config: Config, log: LineWriter, letters: SetAside): MqttOptions {
  const { mqttListen, mqttTlsListen, mqttMaxConnections, mqttMaxInflight, tlsCertFile, tlsKeyFile } = config;
  const hasTls = mqttTlsListen !== 'off' && tlsCertFile !== undefined && tlsKeyFile !== undefined;
  return {
    listen: mqttListen === 'off' ? undefined : mqttListen,
    tlsListen: hasTls ? { ...mqttTlsListen, certFile: tlsCertFile, keyFile: tlsKeyFile } : undefined,
    maxConnections: mqttMaxConnections,
    maxInflight: mqttMaxInflight,
    letters,
    random: Math.random,
    onFlapping: (flapping) =>
      log.warn(
        { event: 'mqtt-id-shared', ...flapping },
        'two MQTT clients use one device id, and take it from each other',
      ),
    onDenied: (denied) =>
      log.warn({ event: 'mqtt-topic-denied', ...denied }, 'a device publishes to a topic that it may not use'),
  };
}
