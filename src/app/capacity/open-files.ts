import { readFileSync } from 'node:fs';
import type { Config } from '../../config/load.js';
import { MAX_CALLS } from '../../core/bounds.js';
import type { LineWriter } from '../log/event-log.js';

/** For what is neither event stream nor MQTT: the spool's files, the admin side, connections to the cloud, passed calls, devices by HTTP. */
const KEPT_BACK = 4_096;
/** A device with an event stream has two sockets here, and we one to the cloud. */
const FILES_A_STREAM = 3;
/** Where so few files may be open, something must be left for event streams all the same. */
const LEAST_STREAMS = 64;
/** And for devices that speak MQTT. */
const LEAST_MQTT_CONNECTIONS = 64;
/** And for their sessions at the cloud's broker. */
const LEAST_UPLINK_SESSIONS = 32;

/**
 * MQTT connections that may be open at once: as many as are wanted, or two thirds of the files that the process does not
 * need for other things. Somebody without credentials can open as many as there may be.
 * @param wanted `STATEWAY_MQTT_MAX_CONNECTIONS`
 * @param limits the text of `/proc/self/limits`; where that cannot be read, nothing is known of a limit
 */
export function maxMqttConnections(wanted: number, limits: string | undefined = readLimits()): number {
  return Math.min(wanted, Math.max(LEAST_MQTT_CONNECTIONS, Math.floor((2 * freeFiles(limits)) / 3)));
}

/**
 * The same, with a line in the log where that is less than somebody has said that it shall be. Of the default nobody has: that
 * it is more than the files allow limits nothing that is known of.
 */
export function affordableMqttConnections(
  { mqttMaxConnections: wanted, sources }: Pick<Config, 'mqttMaxConnections' | 'sources'>,
  log: Pick<LineWriter, 'warn'>,
  limits: string | undefined = readLimits(),
): number {
  const connections = maxMqttConnections(wanted, limits);
  if (connections < wanted && sources.mqttMaxConnections !== 'default') {
    log.warn(
      { event: 'mqtt-connections-limited', wanted, connections },
      'the process may not open as many files as STATEWAY_MQTT_MAX_CONNECTIONS needs; fewer MQTT connections are taken',
    );
  }
  return connections;
}

/**
 * Sessions at the cloud's broker that may be open at once: as many as are wanted, or half of what MQTT connections leave.
 * @param wanted `STATEWAY_MQTT_UPSTREAM_SESSIONS`
 * @param mqttConnections that may be open beside them
 * @param limits as above
 */
export function maxUplinkSessions(
  wanted: number,
  mqttConnections: number,
  limits: string | undefined = readLimits(),
): number {
  const affordable = Math.floor((freeFiles(limits) - mqttConnections) / 2);
  return Math.min(wanted, Math.max(LEAST_UPLINK_SESSIONS, affordable));
}

/**
 * Event streams that may be open at once: as many as the process has file descriptors for, beside those that it needs to
 * take states. A process without any left can accept no connection, whoever it is of.
 * @param otherConnections those of MQTT that may be open beside them, of devices and to the broker
 * @param limits as above
 */
export function maxEventStreams(otherConnections: number, limits: string | undefined = readLimits()): number {
  const affordable = Math.floor((freeFiles(limits) - otherConnections) / FILES_A_STREAM);
  return Math.max(LEAST_STREAMS, Math.min(MAX_CALLS.stream, affordable));
}

function freeFiles(limits: string | undefined): number {
  const soft = /^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft) - KEPT_BACK;
}

function readLimits(): string | undefined {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return undefined;
  }
}
