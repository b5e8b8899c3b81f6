import type { Config } from '../config/load.js';
import { Meters } from '../core/metering/meters.js';
import { TracedDistribution } from '../core/metering/traced-distribution.js';
import type { Clock } from '../core/time/clock.js';

/** What counts for the metrics; with exemplars where these are wanted. */
export function createMeters({ exemplars }: Pick<Config, 'exemplars'>, clock: Pick<Clock, 'wallMs'>): Meters {
  return new Meters(exemplars === 'on' ? (bounds) => new TracedDistribution(bounds, clock) : undefined);
}
