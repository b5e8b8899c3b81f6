import { addressOrOff, brokerUrl, count, oneOf, rate } from './kinds.js';
import { row } from './option-row.js';

/** The options of MQTT (contract 1.9.1, 1.9.7), in the order of the documentation. */
export const MQTT_OPTIONS = {
  mqttListen: row({
    variable: 'STATEWAY_MQTT_LISTEN',
    kind: addressOrOff,
    default: 'off',
    meaning:
      'MQTT over plain TCP, as `0.0.0.0:1883`; it shows keys and secrets to whoever reads the network. MQTT over WebSocket is served on `STATEWAY_LISTEN` in any case.',
  }),
  mqttTlsListen: row({
    variable: 'STATEWAY_MQTT_TLS_LISTEN',
    kind: addressOrOff,
    default: 'off',
    meaning: 'MQTT over TLS, as `0.0.0.0:8883`, with `STATEWAY_TLS_CERT_FILE` and `STATEWAY_TLS_KEY_FILE`.',
  }),
  mqttMaxConnections: row({
    variable: 'STATEWAY_MQTT_MAX_CONNECTIONS',
    kind: count(1, 1_000_000),
    default: '20000',
    meaning:
      'MQTT connections, over TCP, TLS and WebSocket together, at most two thirds of the open files that exceed 4,096; beyond it one that has said nothing gives way, or the new one is closed.',
  }),
  mqttMaxInflight: row({
    variable: 'STATEWAY_MQTT_MAX_INFLIGHT',
    kind: count(1, 65_535),
    default: '1000',
    meaning: 'Publishes of one MQTT connection that are not acknowledged; then nothing more is read of it.',
  }),
  commands: row({
    variable: 'STATEWAY_COMMANDS',
    kind: oneOf(['mqtt', 'off']),
    default: 'mqtt',
    meaning:
      'Commands to devices that speak MQTT: `mqtt` has the proxy log each of them in at the broker of the cloud, with the key and secret that it came with; `off` lets no commands and custom topics through.',
  }),
  mqttUpstreamUrl: row({
    variable: 'STATEWAY_MQTT_UPSTREAM_URL',
    kind: brokerUrl,
    default: undefined,
    defaultInWords:
      '`mqtts://broker.losant.com:8883` while `STATEWAY_UPSTREAM_URL` is the default, else none, and no commands',
    meaning: 'The broker of the cloud. Keys and secrets of devices go there.',
  }),
  mqttUpstreamConnects: row({
    variable: 'STATEWAY_MQTT_UPSTREAM_CONNECTS',
    kind: rate,
    default: '200/15s',
    meaning:
      'Connections to the broker of the cloud that are begun for the devices of one application in a sliding window.',
  }),
  mqttUpstreamSessions: row({
    variable: 'STATEWAY_MQTT_UPSTREAM_SESSIONS',
    kind: count(1, 1_000_000),
    default: '5000',
    meaning:
      'Devices with a connection to the broker of the cloud, each some 70 KiB; others wait, and get no commands.',
  }),
} as const;
