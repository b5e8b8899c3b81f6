import { StatewayError } from '../../core/errors.js';

/** Atomic batches came with it. */
const OLDEST_VERSION = [2, 12] as const;
const MONITOR_WITHIN_MS = 5_000;

/** @throws StatewayError `STATEWAY_CONFIGURATION` for a server that is too old */
export function assertVersion(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_VERSION;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  throw new StatewayError(
    'STATEWAY_CONFIGURATION',
    `nats-server ${version} is too old: ${OLDEST_VERSION.join('.')} or newer is needed`,
  );
}

/**
 * Looks at what servers say of themselves on their monitoring ports: a client cannot see it.
 * @throws StatewayError `STATEWAY_CONFIGURATION` unless each syncs what it has before it acknowledges
 */
export async function assertSynced(monitorUrls: readonly string[]): Promise<void> {
  await Promise.all(
    monitorUrls.map(async (url) => {
      if (await syncsAlways(url)) return;
      throw new StatewayError(
        'STATEWAY_CONFIGURATION',
        `the nats-server at ${url} acknowledges before its disk has it: set "sync_interval: always" in its block jetstream`,
      );
    }),
  );
}

/** Whether a server syncs each write, by its `/varz`. @throws StatewayError when it does not say so in time */
async function syncsAlways(monitorUrl: string): Promise<boolean> {
  const url = new URL('varz', monitorUrl.endsWith('/') ? monitorUrl : `${monitorUrl}/`);
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(MONITOR_WITHIN_MS) });
    const varz = (await answer.json()) as { jetstream?: { config?: { sync_always?: boolean } } };
    return varz.jetstream?.config?.sync_always === true;
  } catch (error) {
    const message = `STATEWAY_NATS_MONITOR_URL: ${url.href} does not answer as the monitoring port of a nats-server does`;
    throw new StatewayError('STATEWAY_CONFIGURATION', message, { cause: error });
  }
}
