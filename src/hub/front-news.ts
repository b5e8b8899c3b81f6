import { takeCounts } from '../core/metering/meter-counts.js';
import type { Exemplar, Meters } from '../core/metering/meters.js';
import type { Clock } from '../core/time/clock.js';
import type { FromFront, NewsItem } from './front-messages.js';
import type { Outbox } from './outbox.js';
import type { RefusalRelay } from './refusal-relay.js';

/** How far figures of a front may be behind. */
const NEWS_EVERY_MS = 100;

export interface FrontNewsParts {
  readonly clock: Pick<Clock, 'schedule'>;
  readonly outbox: Pick<Outbox<FromFront>, 'add'>;
  readonly meters: Meters;
  readonly refusals: RefusalRelay;
  readonly connections: () => NewsItem['connections'];
  readonly openBodies: () => number;
}

/** Tells the hub what a front has counted and what it holds, now and then: the hub's figures are those of all fronts. */
export class FrontNews {
  readonly #parts: FrontNewsParts;
  readonly #sockets = new Map<string, number>();
  /** What was held when something was said last. */
  #last = '';
  /** Those that were told of last, by bucket. */
  #exemplars: readonly (Exemplar | undefined)[] = [];
  #cancel: () => void = () => {};

  constructor(parts: FrontNewsParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#cancel = this.#parts.clock.schedule(NEWS_EVERY_MS, () => {
      this.tell();
      this.start();
    });
  }

  stop(): void {
    this.#cancel();
  }

  /** A WebSocket of a device has opened, or closed. */
  noteSocket(deviceId: string, change: number): void {
    const sum = (this.#sockets.get(deviceId) ?? 0) + change;
    if (sum === 0) this.#sockets.delete(deviceId);
    else this.#sockets.set(deviceId, sum);
  }

  /** Tells what there is to tell, if there is anything. */
  tell(): void {
    const { outbox, meters, refusals, connections, openBodies } = this.#parts;
    const held = { connections: connections(), openBodies: openBodies() };
    const exemplars = this.#newExemplars();
    const counted = { meters: takeCounts(meters), exemplars, ...refusals.take(), sockets: [...this.#sockets] };
    this.#sockets.clear();
    const isNews =
      Object.keys(counted.meters).length > 0 ||
      counted.refusals.length > 0 ||
      counted.moreRefusals.length > 0 ||
      counted.sockets.length > 0;
    const said = JSON.stringify(held);
    if (!isNews && said === this.#last) return;
    this.#last = said;
    outbox.add({ kind: 'news', ...held, ...counted });
  }

  /** Each comes with an observation, which is news. */
  #newExemplars(): Exemplar[] {
    const before = this.#exemplars;
    this.#exemplars = [...this.#parts.meters.ackSeconds.exemplars];
    return this.#exemplars.filter(
      (exemplar, bucket) => exemplar !== undefined && exemplar !== before[bucket],
    ) as Exemplar[];
  }
}
