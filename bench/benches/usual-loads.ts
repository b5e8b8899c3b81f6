import type { ClosedHttpLoad, OpenHttpLoad } from '../loads/http-load.js';
import type { SocketLoad } from '../loads/socket-load.js';
import { bodyOfBytes, listBody, SMALL_BODY } from '../loads/state-bodies.js';

export const DEVICES = 1_000;
/** A load generator keeps all requests in memory. */
export const DEVICES_WITH_LARGE_STATES = 200;
export const LARGE_STATE_BYTES = 65_536;

/** One small state a request, as fast as it goes. */
export function httpLoad(connections: number): ClosedHttpLoad {
  return { kind: 'http', connections, devices: DEVICES, bodies: [SMALL_BODY] };
}

/** One state of so many bytes a request. */
export function httpLoadOf(bytes: number, connections: number): ClosedHttpLoad {
  const devices = bytes < LARGE_STATE_BYTES ? DEVICES : DEVICES_WITH_LARGE_STATES;
  return { kind: 'http', connections, devices, bodies: [bodyOfBytes(bytes)] };
}

/** One small state a request, at a constant rate. */
export function httpArrivals(perSecond: number, connections = 256): OpenHttpLoad {
  return { ...httpLoad(connections), perSecond, warmUpSeconds: 1 };
}

/** Unsettled frames a socket, and how many are written at once: enough that the generator is not the limit. */
export const ONE_A_FRAME: SocketLoad = {
  kind: 'sockets',
  devices: 500,
  payloads: [SMALL_BODY],
  pace: { window: 128, batch: 64 },
};

export const TWENTY_A_FRAME: SocketLoad = {
  ...ONE_A_FRAME,
  payloads: [listBody(20)],
  pace: { window: 16, batch: 8 },
};
