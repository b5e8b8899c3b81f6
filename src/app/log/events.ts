/**
 * The one table of events: what a line of the log can be of. `docs/log-events.md` is written from it, and a test compares it
 * with the lines that are written.
 */

import { CLUSTER_EVENTS } from './cluster-events.js';

/** How bad it is: `warn` and above want somebody to look; `debug` was asked for. */
type Level = 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface EventRow {
  readonly level: Level;
  /** When it is written, and what its fields say; for operators, in Markdown. */
  readonly meaning: string;
  /** What to do; none where nothing is to be done. */
  readonly remedy?: string;
}

export const EVENT_TABLE = {
  starting: {
    level: 'info',
    meaning: 'The first line: `version`, `node`, and `configuration`, all options with secrets hidden.',
  },
  ready: {
    level: 'info',
    meaning:
      'Devices are served: `listen`, `adminListen`, the web server underneath (`uws`), and what the last run left (`replayedRecords`, `replayedStates`, `restoredGrants`).',
  },
  'start-failed': {
    level: 'fatal',
    meaning: 'It could not start: `reason`, and the `exitCode` that follows.',
    remedy: 'What the `reason` says; [StatewayNotScraped](runbook.md#statewaynotscraped).',
  },
  draining: { level: 'info', meaning: 'It was told to stop; nothing new is taken.' },
  stopped: {
    level: 'info',
    meaning: 'The last line: `waitingStates` are on disk; `unansweredRequests` to the cloud may be sent again.',
  },
  'front-lost': {
    level: 'error',
    meaning:
      'A front thread (`STATEWAY_FRONTS`) has died: `front`, its number, and the `reason`. Its devices are cut off, and send again what was not acknowledged; another takes its place within a second.',
    remedy: 'Report it with the log.',
  },
  'front-back': { level: 'info', meaning: 'Another front thread serves devices in its place, `afterMs` later.' },
  'stop-overdue': {
    level: 'fatal',
    meaning: 'The stop took too long and was cut off. What was acknowledged is on disk.',
    remedy: 'Report it with the log.',
  },
  'notify-failed': {
    level: 'error',
    meaning: 'The service manager can be told nothing: `reason`.',
    remedy: 'See that `systemd-notify` is there; [StatewayRestarting](runbook.md#statewayrestarting).',
  },
  'tracing-trouble': {
    level: 'warn',
    meaning:
      'Spans could not be sent to the collector of traces, or a variable of OpenTelemetry cannot be used: `reason`.',
    remedy: '[Traces](operating.md#traces); states are not touched by it.',
  },
  'cloud-lost': {
    level: 'warn',
    meaning:
      'The cloud does not answer, or now fails for another `reason`: `words`, `remedy`, and what waits (`waitingStates`).',
    remedy: '[StatewayCloudUnreachable](runbook.md#statewaycloudunreachable).',
  },
  'cloud-back': { level: 'info', meaning: 'It answers again, after `outageMs`.' },
  'cloud-reached': {
    level: 'info',
    meaning: 'It answers for the first time since the start, `afterMs` after `cloud-lost` said that it does not.',
  },
  'clock-wrong': {
    level: 'warn',
    meaning: "The clock of this machine is `skewSeconds` away from the cloud's, which is gone by until it is right.",
    remedy: 'Set the clock, by NTP.',
  },
  'clock-right': { level: 'info', meaning: 'It is right again.' },
  reload: {
    level: 'info',
    meaning: 'It was asked (SIGHUP) to read the TLS files again; `tls` says whether it has any.',
  },
  'certificate-renewed': {
    level: 'info',
    meaning: 'New connections get the new certificate; open ones go on. `side`: `device`, or `admin`.',
  },
  'certificate-refused': {
    level: 'error',
    meaning: 'The renewed certificate of a `side` (`certFile`) cannot be used: `reason`. The former stays.',
    remedy: '[StatewayCertificateEnding](runbook.md#statewaycertificateending).',
  },
  'certificate-ending': {
    level: 'warn',
    meaning: 'The certificate of a `side` is about to end: of `device` the one that devices see.',
    remedy: '[StatewayCertificateEnding](runbook.md#statewaycertificateending).',
  },
  'device-refused': {
    level: 'warn',
    meaning:
      'What a device sends is refused: `applicationId`, `deviceId`, its `address`, the `code` and the `reason`; `traceparent` and `requestId` where its request had them (`traceparent`, `X-Request-Id`). Again only after an hour without one of this device, address, code and reason; of one code at most five reasons are told.',
    remedy: '[StatewayStatesRefused](runbook.md#statewaystatesrefused); [errors](errors.md) has each code.',
  },
  'devices-turned-away': {
    level: 'warn',
    meaning:
      'Devices are told to come again (503) for this `code` and `reason`; `deviceId` and `address` are of the first of them, as far as it says. Again only after ten minutes without one.',
    remedy: '[StatewayStatesUnavailable](runbook.md#statewaystatesunavailable) has each code.',
  },
  'devices-followed': {
    level: 'info',
    meaning: 'From now on the log says each step of the states of these `devices`; of none where the list is empty.',
  },
  'device-step': {
    level: 'debug',
    meaning:
      'A step of the states of a device that is followed ([how](operating.md#the-way-of-one-devices-states)): its `step`, and what there is to tell of it.',
  },
  'device-clock-wrong': {
    level: 'error',
    meaning:
      'The states of a device (`applicationId`, `deviceId`) have times that the cloud ignores: `lastTime`, and so far `states` of them. `outOfWindow` says what becomes of them; where that is not `forward`, the level is `warn`. Once an hour for a device.',
    remedy: '[StatewayStatesOutOfWindow](runbook.md#statewaystatesoutofwindow).',
  },
  'device-clock-right': { level: 'info', meaning: 'Its times are right again, or it sends none.' },
  'device-parked': {
    level: 'warn',
    meaning: 'The states of a device (`applicationId`, `deviceId`) cannot be sent: `reason`. They wait.',
    remedy: '[StatewayDevicesParked](runbook.md#statewaydevicesparked).',
  },
  'device-unparked': { level: 'info', meaning: 'It delivers again, after `parkedMs`.' },
  'device-states-refused': {
    level: 'warn',
    meaning:
      'The cloud refuses all that a device (`applicationId`, `deviceId`) sends, or so much that it falls behind: `reason`, in its words. `waitingStates` are behind those.',
    remedy: '[StatewayDeadLettersGrowing](runbook.md#statewaydeadlettersgrowing).',
  },
  'device-states-taken': { level: 'info', meaning: 'It takes what the device sends again, after `refusedMs`.' },
  'nothing-delivered': {
    level: 'error',
    meaning:
      'The cloud is there, and takes the states of no device: `causes`, each with its `trouble`, its `reason` and how many `devices` have it.',
    remedy: '[StatewayNothingDelivered](runbook.md#statewaynothingdelivered).',
  },
  'delivered-again': { level: 'info', meaning: 'It takes states again, after `afterMs`.' },
  'dead-letters': {
    level: 'error',
    meaning:
      'So many `states` of a device were given up: `status` is the cloud’s, 0 where it never answered, and `reason` one of `refused`, `too_large` (413), `no_such_device` (404 for a day), `too_old` and `held_apart`. The cloud’s own words stand in `stateway spool dead-letters --by-reason`.',
    remedy: '[StatewayDeadLettersGrowing](runbook.md#statewaydeadlettersgrowing).',
  },
  requeued: { level: 'info', meaning: 'Dead letters of so many `devices` are to be sent again, as somebody asked.' },
  'requeue-failed': {
    level: 'error',
    meaning: 'Dead letters could not be taken back: `err`.',
    remedy: 'Ask again when the disk is well; they are kept.',
  },
  'dead-letters-dropped': {
    level: 'error',
    meaning: 'The oldest dead letters went, since there were more than `maxDeadLetterBytes`.',
    remedy: 'Export what is needed, and find out why so many come.',
  },
  'dead-letters-asked': {
    level: 'info',
    meaning:
      'Somebody at `address` asked on the admin side for so many `letters` to be sent again or discarded (`action`), with the numbers from `firstNumber` to `lastNumber`. `requeued` or `dead-letters-discarded` follows when it is done.',
  },
  'dead-letters-discarded': { level: 'info', meaning: 'So many dead `letters` are gone for good, as somebody asked.' },
  imported: {
    level: 'info',
    meaning: 'So many `states` of a file were taken in, as somebody asked; they are sent like others.',
  },
  'spool-full': {
    level: 'error',
    meaning: 'What waits is as much as may be: new states are refused.',
    remedy: '[StatewaySpoolNearlyFull](runbook.md#statewayspoolnearlyfull).',
  },
  'spool-room': { level: 'info', meaning: 'There is room again, after `fullMs`.' },
  'disk-full': {
    level: 'error',
    meaning: 'The volume is full, though the spool is not: new states are refused.',
    remedy: '[StatewayStatesUnavailable](runbook.md#statewaystatesunavailable).',
  },
  'disk-room': { level: 'info', meaning: 'There is room again, after `fullMs`.' },
  'memory-full': {
    level: 'error',
    meaning: 'Memory is short: new states are refused.',
    remedy: '[Memory is full](runbook.md#memory-is-full).',
  },
  'memory-room': { level: 'info', meaning: 'There is enough again, after `fullMs`.' },
  'devices-full': {
    level: 'error',
    meaning: 'There are as many `devices` as the memory is enough for: others are refused.',
    remedy: '[Memory is full](runbook.md#memory-is-full).',
  },
  'devices-room': { level: 'info', meaning: 'New devices are taken again, after `fullMs`.' },
  'disk-failing': {
    level: 'error',
    meaning: 'A read, a write or a sync failed: `code`, `reason`. New states are refused until it is well.',
    remedy: '[When the disk fails](runbook.md#when-the-disk-fails).',
  },
  'disk-back': { level: 'info', meaning: 'It is well again, after `failingMs`.' },
  ...CLUSTER_EVENTS,
  unreadable: {
    level: 'error',
    meaning:
      'Something on the disk (`item`) cannot be read: `reason`. It is set aside and kept. `deviceIds` are the devices whose states it held, twenty of `devices` at most, as far as it still says so; `devices` is 0 where that cannot be known, and missing of what is of no device.',
    remedy: '[StatewayUnreadableRecords](runbook.md#statewayunreadablerecords).',
  },
  'write-cut-off': {
    level: 'info',
    meaning: 'The last write before this start was cut off (`item`, `reason`): nobody was answered for it.',
  },
  'grants-unreadable': {
    level: 'error',
    meaning: 'So many stored grants (`rows`) cannot be opened; they are set aside.',
    remedy: 'Was the secret key changed? Devices show a good token when they next send.',
  },
  'grants-not-written': {
    level: 'error',
    meaning: 'Grants cannot be stored: `reason`. A restart would not know them.',
    remedy: '[When the disk fails](runbook.md#when-the-disk-fails).',
  },
  'key-file-repaired': {
    level: 'warn',
    meaning: 'The key `file` was open to others (`mode`), and was closed to them.',
    remedy: 'Find out who opened it; [the secret key](security.md#the-secret-key).',
  },
  'figures-unreadable': {
    level: 'error',
    meaning: 'What the admin side was asked for (`where`) could not be read: `err`. It was answered 503.',
    remedy: '[When the disk fails](runbook.md#when-the-disk-fails); else report it with the log.',
  },
  'admin-token-wrong': {
    level: 'warn',
    meaning:
      'Somebody at `address` has shown another token than `STATEWAY_ADMIN_TOKEN` to the admin side; of one that comes again there is a line a minute at most. After ten wrong ones none of that address is looked at for a minute.',
    remedy: 'Who is it? [Security](security.md#the-token-of-the-admin-side).',
  },
  'mqtt-id-shared': {
    level: 'warn',
    meaning:
      'Two MQTT clients take each other’s place again and again under one id: `deviceId`, both `addresses`, and how many `takeovers` there were in a minute. Once an hour for each device.',
    remedy: '[StatewayMqttIdShared](runbook.md#statewaymqttidshared).',
  },
  'mqtt-topic-denied': {
    level: 'warn',
    meaning:
      'A device publishes to a topic that it may not use, and nothing of it is kept (`use`: `publish`), or subscribes to one, and nothing of it comes down (`subscribe`). Once an hour for each device and use.',
    remedy: 'Correct what the device publishes or subscribes to; [the topics](devices.md).',
  },
  'mqtt-fault': {
    level: 'error',
    meaning: 'An MQTT connection was closed for a fault of the proxy itself: `err`.',
    remedy: 'Report it with the log; the client connects again.',
  },
  'mqtt-letters-not-kept': {
    level: 'warn',
    meaning: 'A device publishes so much that is no state that not all of it is kept as dead letters.',
    remedy: 'Correct what the device publishes.',
  },
  'mqtt-connections-limited': {
    level: 'warn',
    meaning:
      'Fewer MQTT `connections` are taken than are `wanted` by `STATEWAY_MQTT_MAX_CONNECTIONS`, for want of open files. Of its default nothing is said.',
    remedy: 'Raise the limit of open files, or lower `STATEWAY_MQTT_MAX_CONNECTIONS`.',
  },
  'no-commands': {
    level: 'info',
    meaning: 'Devices that speak MQTT get no commands, since no broker of the cloud is configured.',
    remedy: 'Where they are to have them, `STATEWAY_MQTT_UPSTREAM_URL`; else `STATEWAY_COMMANDS=off` says so.',
  },
  'broker-lost': {
    level: 'warn',
    meaning: 'No connection to the broker of the cloud comes about, for `reason`: no commands arrive. States do.',
    remedy: 'What the `reason` says; it is tried again.',
  },
  'broker-back': { level: 'info', meaning: 'It has taken a connection again.' },
  'uplinks-full': {
    level: 'warn',
    meaning: 'More devices want commands than the `maxSessions` that there may be; others wait.',
    remedy: 'Raise `STATEWAY_MQTT_UPSTREAM_SESSIONS`, or the limit of open files.',
  },
  'mqtt-filter-denied': {
    level: 'warn',
    meaning: 'The broker of the cloud does not grant a device what it subscribes to.',
    remedy: 'Correct what the device subscribes to; [the topics](devices.md).',
  },
  'lines-left-out': {
    level: 'warn',
    meaning: 'So many `lines` of one event (`of`) were left out within a minute, after ten.',
  },
  'log-dropped': {
    level: 'warn',
    meaning: 'So many `lines` were dropped here: whoever reads the log took none for a while.',
    remedy: 'See to the reader of the log: the container runtime, a shipper, a full disk.',
  },
} as const satisfies Readonly<Record<string, EventRow>>;
