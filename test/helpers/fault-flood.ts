import { fork } from 'node:child_process';
import { on } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { AtEnd } from './fault-site.js';
import { endNow } from './program.js';

const FLOOD_FILE = fileURLToPath(new URL('./fault-flood.mjs', import.meta.url));

/** A load of bodies that are all alike; see `fault-flood.mjs`. */
export interface Flood {
  readonly port: number;
  readonly transport: 'http' | 'websocket';
  /** A connection for each. */
  readonly targets: readonly { readonly token: string; readonly path: string }[];
  readonly seconds: number;
  readonly body: string;
  readonly statesPerBody: number;
  /** Over all targets, whatever the answers do; null: as fast as they come. */
  readonly bodiesPerSecond: number | null;
}

/** What became of the states of a flood. */
export interface FloodResult {
  /** By target. */
  readonly accepted: readonly number[];
  /** With 503 or as Unavailable. */
  readonly refused: number;
  readonly refusedWithoutRetryAfter: number;
  /** Due, and never sent: no connection could take it. */
  readonly heldBack: number;
  /** Connections that broke with an answer outstanding. */
  readonly broken: number;
  /** Of those accepted, answered before the time was over. */
  readonly acceptedInTime: number;
  /** Answers of other kinds. */
  readonly other: readonly string[];
  /** From a body's sending to its answer, of those accepted in time. */
  readonly latenciesMs: { readonly p50: number; readonly p99: number };
}

/** A process that floods, one flood at a time; gone when the test is over. */
export class Flooder {
  readonly #child = fork(FLOOD_FILE, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });

  constructor(atEnd: AtEnd) {
    atEnd(() => endNow(this.#child));
  }

  /** @param onMark called when the sending begins and when it is over; answers may still be out then */
  async run(flood: Flood, onMark: () => void = () => {}): Promise<FloodResult> {
    this.#child.send(flood);
    for await (const [message] of on(this.#child, 'message')) {
      if (typeof message !== 'string') return message as FloodResult;
      onMark();
    }
    throw new Error('the flooding process is gone');
  }
}
