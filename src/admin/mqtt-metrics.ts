import type { AdminSources } from './admin-sources.js';
import { byLabel, type MetricRow } from './metric-row.js';

/** What is counted of MQTT: of the devices' connections, and of their sessions at the cloud's broker (contract 1.9.8). */
export function mqttCounterRows({ meters }: AdminSources): MetricRow[] {
  return [
    {
      name: 'stateway_mqtt_connects_total',
      help: 'MQTT connections, by what became of their CONNECT.',
      labelNames: ['result'],
      read: () => byLabel(meters.mqtt.connects),
    },
    {
      name: 'stateway_mqtt_closes_total',
      help: 'Ends of MQTT connections that had been accepted, by why.',
      labelNames: ['reason'],
      read: () => byLabel(meters.mqtt.closes),
    },
    {
      name: 'stateway_mqtt_publishes_total',
      help: 'MQTT publishes of devices, by what became of them.',
      labelNames: ['result'],
      read: () => byLabel(meters.mqtt.publishes),
    },
    {
      name: 'stateway_mqtt_wills_ignored_total',
      help: 'Wills of MQTT connections with QoS 2, of more than 4 KiB, or with a topic that the device may not use.',
      read: () => [[meters.mqtt.ignoredWills]],
    },
    {
      name: 'stateway_mqtt_filters_denied_total',
      help: 'Filters of MQTT subscriptions that were not granted (0x80 in SUBACK): the device may not use the topic, or has too many.',
      read: () => [[meters.mqtt.deniedFilters]],
    },
    {
      name: 'stateway_commands_total',
      help: 'Messages from the broker of the cloud for devices that had subscribed to them, by what became of them.',
      labelNames: ['result'],
      read: () => byLabel(meters.mqtt.commands),
    },
    {
      name: 'stateway_uplink_connects_total',
      help: 'Connections to the broker of the cloud for devices, by what came of them.',
      labelNames: ['result'],
      read: () => byLabel(meters.mqtt.uplinkConnects),
    },
  ];
}

export function uplinkSessionsRow(sources: AdminSources): MetricRow {
  return {
    name: 'stateway_uplink_sessions',
    help: 'Sessions of devices at the broker of the cloud, by what they do; none where commands are off.',
    labelNames: ['state'],
    read: () => byLabel(sources.uplinks() ?? {}),
  };
}
