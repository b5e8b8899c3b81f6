/**
 * The shapes of the cloud's own answers (`losant-rest` 4.2, `schemas/`), as far as something hangs on them: what has none
 * of them is not the cloud's word (contract 1.4, 1.5). The body decides and not its content type, which a middlebox may
 * rewrite and which proves nothing.
 */

import { type Device, isId } from './device.js';
import { isBearerToken } from './token.js';

/** `schemas/error.json`. */
export interface CloudError {
  readonly type: string;
  readonly message: string;
}

/** The part of `schemas/authedDevice.json` that a grant is made of. Ids as the cloud wrote them. */
export interface AuthedDevice {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly token: string;
}

/** Kept of a device's name, with each of its grants; the cloud takes 255 (`schemas/device.json`). */
export const MAX_NAME_CHARACTERS = 100;

/** The members of a JSON object in UTF-8; undefined for anything else. */
export function jsonObjectOf(body: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return parsed as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** What the cloud says when it refuses; undefined when the object is no error of its. */
export function cloudErrorOf({ type, message }: Readonly<Record<string, unknown>>): CloudError | undefined {
  return typeof type === 'string' && typeof message === 'string' ? { type, message } : undefined;
}

/** `schemas/success.json`: the cloud has taken what it was sent. */
export function isSuccess({ success }: Readonly<Record<string, unknown>>): boolean {
  return success === true;
}

/** `schemas/device.json`, of the device that was asked for. Case does not distinguish two ids. */
export function isDeviceAnswer(answer: Readonly<Record<string, unknown>>, device: Device): boolean {
  const id = answer.id ?? answer.deviceId;
  return typeof id === 'string' && id.toLowerCase() === device.deviceId.toLowerCase();
}

/** What the device is called in its cloud, cut to {@link MAX_NAME_CHARACTERS}; undefined where it has no name. */
export function deviceNameOf({ name }: Readonly<Record<string, unknown>>): string | undefined {
  if (typeof name !== 'string') return undefined;
  // What is cut in the middle of a pair of surrogates is no character.
  const cut = name
    .trim()
    .slice(0, MAX_NAME_CHARACTERS)
    .replace(/[\ud800-\udbff]$/, '');
  return cut === '' ? undefined : cut;
}

/** What a log-in has brought; undefined when the object is no answer to one. */
export function authedDeviceOf(answer: Readonly<Record<string, unknown>>): AuthedDevice | undefined {
  const { applicationId, deviceId, token } = answer;
  if (typeof applicationId !== 'string' || typeof deviceId !== 'string' || typeof token !== 'string') return undefined;
  return isId(applicationId) && isId(deviceId) && isBearerToken(token) ? { applicationId, deviceId, token } : undefined;
}
