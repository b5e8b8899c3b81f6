import type { SentState } from './ledger.js';

/** A state on its way from a simulated device: what the ledger is told of it, and what it takes to send it. */
export class OutgoingState implements SentState {
  readonly reading: number;
  readonly timeMs: number | undefined;
  acknowledged = false;
  sends = 0;
  /** The JSON to send; emptied once the state is settled, since a long run has many. */
  body: string;
  /** Monotonic milliseconds at which the device had it ready. */
  readonly readyAtMs: number;

  constructor(reading: number, timeMs: number | undefined, body: string, readyAtMs: number) {
    this.reading = reading;
    this.timeMs = timeMs;
    this.body = body;
    this.readyAtMs = readyAtMs;
  }
}

/** What a fleet counts while it runs. Every state sent ends as acknowledged, refused, given up or unconfirmed. */
export class FleetTally {
  sent = 0;
  acknowledged = 0;
  /** Refused with an answer that sending again would not change. */
  refused = 0;
  /** Sent without a time of its own and never answered: sending it again could store it twice. */
  givenUp = 0;
  /** Sent by MQTT with QoS 0, which says nothing back: no promise, and no trouble either. */
  unconfirmed = 0;
  /** Requests, frames and messages sent again. */
  retries = 0;
  /** The last refusal or broken connection, in words. */
  lastTrouble: string | undefined = undefined;
  readonly #ackMs: number[] = [];

  /** States not settled yet. */
  get outstanding(): number {
    return this.sent - this.acknowledged - this.refused - this.givenUp - this.unconfirmed;
  }

  acknowledge(state: OutgoingState): void {
    state.acknowledged = true;
    state.body = '';
    this.acknowledged++;
    this.#ackMs.push(performance.now() - state.readyAtMs);
  }

  refuse(state: OutgoingState, answer: string): void {
    state.body = '';
    this.refused++;
    this.lastTrouble = answer;
  }

  giveUp(state: OutgoingState): void {
    state.body = '';
    this.givenUp++;
  }

  leaveUnconfirmed(state: OutgoingState): void {
    state.body = '';
    this.unconfirmed++;
  }

  /**
   * Milliseconds from a state being ready to its acknowledgement, by nearest rank.
   * @param shares each between 0 and 1
   * @returns one figure for each share; 0 when nothing was acknowledged
   */
  ackPercentilesMs(shares: readonly number[]): number[] {
    const sorted = Float64Array.from(this.#ackMs).sort();
    return shares.map((share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
  }
}
