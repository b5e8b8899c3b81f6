import { isId } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { CloudAnswer, CloudClient, DeviceLogin } from '../core/ports.js';
import type { Grants } from './grants.js';

/** `POST /auth/device`: the cloud decides; a 200 teaches the grant of the token it brought (DESIGN 1.3). */
export class CloudDeviceLogin implements DeviceLogin {
  readonly #cloud: CloudClient;
  readonly #grants: Grants;

  constructor(cloud: CloudClient, grants: Grants) {
    this.#cloud = cloud;
    this.#grants = grants;
  }

  async logIn(body: Uint8Array, contentType: string, query: string): Promise<CloudAnswer> {
    const answer = await this.#cloud.logIn(body, contentType, query);
    if (answer === undefined) {
      throw new StatewayError('STATEWAY_CLOUD_UNREACHABLE', 'the cloud cannot be reached to check the credentials');
    }
    if (answer.status === 200) this.#learn(answer.body);
    return answer;
  }

  /** An answer of another shape is handed on all the same; it only teaches nothing. */
  #learn(body: Uint8Array): void {
    const authed = parseAuthedDevice(body);
    if (authed !== undefined) this.#grants.add(authed.token, authed.applicationId, authed.deviceId);
  }
}

interface AuthedDevice {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
}

/** The part of `schemas/authedDevice.json` that a grant is made of; undefined when it is not there. */
function parseAuthedDevice(body: Uint8Array): AuthedDevice | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { applicationId, deviceId, token } = parsed as Record<string, unknown>;
  if (typeof applicationId !== 'string' || typeof deviceId !== 'string' || typeof token !== 'string') return undefined;
  return isId(applicationId) && isId(deviceId) && token.length > 0 ? { applicationId, deviceId, token } : undefined;
}
