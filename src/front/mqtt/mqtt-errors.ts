import { StatewayError } from '../../core/errors.js';

/** Why a connection is refused, where neither its bytes nor the cloud say so: for the list of refusals. */
export const CONNECT_ERRORS = {
  version: new StatewayError('STATEWAY_MQTT_MALFORMED', 'CONNECT: its version is none of MQTT 3.1 and 3.1.1'),
  clientId: new StatewayError('STATEWAY_INVALID_ID', 'CONNECT: the client id must be the device id, 24 hex digits'),
  credentials: new StatewayError(
    'STATEWAY_INVALID_CREDENTIALS',
    'CONNECT: the user name must be an access key, and the password its secret, both together at most 16 KiB',
  ),
  full: new StatewayError('STATEWAY_OVERLOADED', 'CONNECT: there are as many MQTT connections as may be'),
  stuck: new StatewayError('STATEWAY_OVERLOADED', 'CONNECT: what has come with it finds no room'),
  unchecked: new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'CONNECT: its credentials cannot be checked'),
} as const;

/** Why a PUBLISH is dropped. */
export function payloadTooLarge(maxBodyBytes: number): StatewayError {
  return new StatewayError('STATEWAY_BODY_TOO_LARGE', `a payload must not be larger than ${maxBodyBytes} bytes`);
}
