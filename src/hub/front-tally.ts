import { addCounts } from '../core/metering/meter-counts.js';
import type { Meters } from '../core/metering/meters.js';
import type { RefusalRing } from '../core/metering/refusal-ring.js';
import type { NewsItem } from './front-messages.js';
import { errorOf } from './plain-error.js';

/** What one front holds, by its last news. What it has counted goes to the figures of all. */
export class FrontTally {
  readonly #meters: Meters;
  readonly #refusals: Pick<RefusalRing, 'note' | 'count'>;
  readonly #sockets = new Map<string, number>();
  #connections: NewsItem['connections'] = { http: 0, websocket: 0 };
  #openBodies = 0;

  constructor(meters: Meters, refusals: Pick<RefusalRing, 'note' | 'count'>) {
    this.#meters = meters;
    this.#refusals = refusals;
  }

  take({ meters, exemplars, refusals, moreRefusals, connections, sockets, openBodies }: NewsItem): void {
    addCounts(this.#meters, meters);
    for (const exemplar of exemplars) this.#meters.ackSeconds.addExemplar(exemplar);
    for (const { error, refused, times } of refusals) this.#refusals.note(errorOf(error), refused, times);
    for (const [code, times] of moreRefusals) this.#refusals.count(code, times);
    this.#connections = connections;
    this.#openBodies = openBodies;
    for (const [deviceId, change] of sockets) {
      const open = this.socketsOf(deviceId) + change;
      if (open > 0) this.#sockets.set(deviceId, open);
      else this.#sockets.delete(deviceId);
    }
  }

  get connections(): NewsItem['connections'] {
    return this.#connections;
  }

  get openBodies(): number {
    return this.#openBodies;
  }

  /** WebSockets of one device. @param deviceId lower case */
  socketsOf(deviceId: string): number {
    return this.#sockets.get(deviceId) ?? 0;
  }
}
