import { setImmediate as turn } from 'node:timers/promises';
import type { TakenCall } from './front-doubles.js';
import { type FrontHarness, type HarnessOptions, startFront } from './front-harness.js';
import { RawConnection } from './raw-connection.js';

export interface OpenFront extends FrontHarness {
  readonly connection: RawConnection;
}

/** A front that passes all calls on, and a connection to it. */
export async function openFront(options: HarnessOptions = {}): Promise<OpenFront> {
  const harness = await startFront({ passthrough: 'all', ...options });
  return { ...harness, connection: await RawConnection.open(harness.port) };
}

/** Sends a request and waits for the call that comes of it, and for the end of the handler that made it. */
export async function sendCall(
  request: string,
  options?: HarnessOptions,
): Promise<OpenFront & { readonly taken: TakenCall }> {
  const harness = await openFront(options);
  await harness.connection.send(request);
  const taken = await harness.calls.nextCall();
  await turn();
  return { ...harness, taken };
}

/** A GET without a body; `headers` each with their line end. */
export const getRequest = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`;
