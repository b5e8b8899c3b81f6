import { benchDevice, statePathOf } from '../devices.js';
import type { LoadBody } from './state-bodies.js';

/** The requests of a load, one for each device, which are sent over and over in this order. */
export interface RequestPlan {
  readonly devices: number;
  /** The i-th device always sends the i-th body, counted round. */
  readonly bodies: readonly LoadBody[];
}

export function bodyOf(plan: RequestPlan, device: number): LoadBody {
  return plan.bodies[device % plan.bodies.length] as LoadBody;
}

/** States of any body that is good, at least: how many an answer was for is known where all have equally many. */
export function fewestStates({ bodies }: RequestPlan): number {
  return Math.min(...bodies.map(({ states }) => states || Number.POSITIVE_INFINITY));
}

/** All requests, ready to be written to a connection. */
export function requestBytes(plan: RequestPlan, host: string): Buffer[] {
  return Array.from({ length: plan.devices }, (_, device) => {
    const { deviceId, token } = benchDevice(device);
    const { text } = bodyOf(plan, device);
    const lines = [
      `POST ${statePathOf(deviceId)} HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(text)}`,
    ];
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`);
  });
}

/** The requests as lines of path, token and body, for a load generator that is no part of this. */
export function requestLines(plan: RequestPlan): string {
  const lines = Array.from({ length: plan.devices }, (_, device) => {
    const { deviceId, token } = benchDevice(device);
    return `${statePathOf(deviceId)}\t${token}\t${bodyOf(plan, device).text}\n`;
  });
  return lines.join('');
}

/** States of each device when so many requests of the plan were made, in its order. */
export function statesAfter(plan: RequestPlan, requests: number): Uint32Array {
  const rounds = Math.floor(requests / plan.devices);
  const rest = requests % plan.devices;
  const timesOf = (device: number) => (device < rest ? rounds + 1 : rounds);
  return Uint32Array.from({ length: plan.devices }, (_, device) => bodyOf(plan, device).states * timesOf(device));
}
