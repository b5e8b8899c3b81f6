import type { Config } from '../config/load.js';
import type { Meters } from '../core/metering/meters.js';
import { systemClock } from '../core/time/clock.js';
import { MqttBroker } from '../upstream/mqtt/mqtt-broker.js';
import { UplinkSessions } from '../upstream/mqtt/uplink-sessions.js';
import { maxMqttConnections, maxUplinkSessions } from './capacity/open-files.js';
import type { LineWriter } from './log/event-log.js';

/** Where commands come from, as it is configured; undefined where there are none. */
export function createUplinks(config: Config, log: LineWriter, meters: Meters): UplinkSessions | undefined {
  const { commandBroker, commands, upstreamCaFile: caFile } = config;
  if (commandBroker === undefined) {
    // Said where it may not be meant so.
    if (commands !== 'off') {
      log.info({ event: 'no-commands' }, 'devices get no commands by MQTT: STATEWAY_MQTT_UPSTREAM_URL names no broker');
    }
    return undefined;
  }
  const { url, proxy } = commandBroker;
  const maxSessions = maxUplinkSessions(config.mqttUpstreamSessions, maxMqttConnections(config.mqttMaxConnections));
  return new UplinkSessions({
    broker: new MqttBroker({ url: new URL(url), caFile, proxyUrl: proxy?.url }, systemClock),
    clock: systemClock,
    meters: meters.mqtt,
    connectRate: config.mqttUpstreamConnects,
    maxSessions,
    random: Math.random,
    onLost: (reason) => log.warn({ event: 'broker-lost', reason }, "no connection to the cloud's broker"),
    onBack: () => log.info({ event: 'broker-back' }, "the cloud's broker is back"),
    onFull: () =>
      log.warn(
        { event: 'uplinks-full', maxSessions },
        'more devices want commands than STATEWAY_MQTT_UPSTREAM_SESSIONS, or the open files, allow: others wait',
      ),
    onDenied: (denied) =>
      log.warn(
        { event: 'mqtt-filter-denied', ...denied },
        "the cloud's broker does not grant a device what it subscribes to",
      ),
  });
}
