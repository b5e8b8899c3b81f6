import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inForm } from './fault-form.js';
import type { Random } from './fault-random.js';

/** The limit of the simulated cloud, in its own form. */
export const CLOUD_LIMIT = inForm({
  short: { requests: 30, windowMs: 3_000 },
  long: { requests: 30, windowMs: 15_000 },
});
/** Limits of the proxy of which none alone lets more through than the cloud's, however its windows lie. */
const LIMITS = inForm({
  short: ['30/3s', '10/1s', '15/3s', '20/2s'],
  long: ['30/15s', '10/5s', '2/1s', '20/15s'],
});
const MAX_BODY_BYTES = ['262144', '262144', '131072', '20480'] as const;
const KEY_FILE = 'secret.key';

/** What a start is given that may differ from one to the next. */
export interface StartChoice {
  readonly env: Readonly<Record<string, string>>;
  readonly maxBodyBytes: number;
}

/** The options of a quiet site, for the end of a run. */
export const PLAIN_CHOICE: StartChoice = {
  env: { STATEWAY_RATE_LIMIT: LIMITS[0] as string, STATEWAY_WINDOW_MS: '200' },
  maxBodyBytes: 262_144,
};

/** Draws the options of the next start. The key is the same, as a variable or in its file. */
export function drawOptions(random: Random, dataDir: string, upstreamToken: string): StartChoice {
  const maxBodyBytes = random.pick(MAX_BODY_BYTES);
  const env: Record<string, string> = {
    STATEWAY_RATE_LIMIT: random.pick(LIMITS),
    STATEWAY_WINDOW_MS: random.pick(['0', '10', '200', '500', '2000']),
    STATEWAY_COALESCE: 'merge',
    STATEWAY_MAX_BODY_BYTES: maxBodyBytes,
    STATEWAY_WORKERS: random.pick(['1', '2']),
    STATEWAY_FRONTS: process.env.STATEWAY_FRONTS ?? random.pick(['0', '1', '2']),
    STATEWAY_TOKEN_TTL_MS: random.pick(['500', '5000', '900000']),
    STATEWAY_TOKEN_OFFLINE_MS: random.pick(['20s', '7d', '7d']),
    STATEWAY_RETENTION_MS: random.pick(['1h', '30d']),
  };
  if (random.chance(1 / 4)) env.STATEWAY_UPLINK_BYTES_PER_SECOND = random.pick(['131072', '1MiB']);
  if (random.chance(1 / 3)) env.STATEWAY_UPSTREAM_TOKEN = upstreamToken;
  if (random.chance(1 / 2)) env.STATEWAY_SECRET_KEY = readFileSync(join(dataDir, KEY_FILE), 'utf8').trim();
  return { env, maxBodyBytes: Number(maxBodyBytes) };
}
