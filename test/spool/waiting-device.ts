import type { Device } from '../../src/core/device.js';
import type { CountedSends, OwnedSpool, Settlement, Spill, Watermark } from '../../src/core/spool-ports.js';
import { buildPiece, type StateRange } from '../../src/state/backlog-piece.js';
import { RecordView } from '../../src/state/record-layout.js';
import { readRecord, type TestState } from '../helpers/records.js';

interface WaitingChunk {
  readonly sequence: number;
  readonly view: RecordView;
  readonly firstState: number;
  readonly states: number;
  settled: number;
}

/** What is said of the journal when some states leave it. */
interface JournalProgress {
  readonly watermark: Watermark;
  readonly finishedSequences: readonly number[];
  readonly states: number;
  readonly ranges: readonly StateRange[];
}

/** What a lane keeps of a device that a spool has to know of: which of its states wait, and what moving on in them says. */
export class WaitingDevice {
  readonly device: Device;
  readonly #chunks: WaitingChunk[] = [];
  #watermark: Watermark = { sequence: 0, states: 0 };

  constructor(device: Device) {
    this.device = device;
  }

  /** States of the journal that wait. */
  get states(): number {
    return this.#chunks.reduce((sum, { states, settled }) => sum + states - settled, 0);
  }

  /** The device's chunk of a record that was stored. */
  add(sequence: number, record: Uint8Array): void {
    const view = new RecordView(record);
    for (let chunk = 0; chunk < view.chunkCount; chunk++) {
      if (view.chunkDevice(chunk).key !== this.device.key) continue;
      const firstState = view.chunkFirstState(chunk);
      this.#chunks.push({ sequence, view, firstState, states: view.chunkStateCount(chunk), settled: 0 });
    }
  }

  /** Settles the first `states` that wait in the journal, or as many as there are; undefined when none waits. */
  settle(states: number, sends = 1): Settlement | undefined {
    const progress = this.#take(states);
    if (progress.states === 0) return undefined;
    const { watermark, finishedSequences } = progress;
    return { device: this.device, watermark, finishedSequences, states: progress.states, sends: sendsOf(sends) };
  }

  /** Spills the first `states` that wait in the journal, or as many as there are; undefined when none waits. */
  spill(states: number): Spill | undefined {
    const { watermark, finishedSequences, ranges } = this.#take(states);
    const first = ranges[0];
    if (first === undefined) return undefined;
    const piece = buildPiece(this.device, ranges, first.view.storedAtMs);
    return { device: this.device, piece, watermark, finishedSequences };
  }

  /** Settles the first `states` of what is first in the backlog, or as many as it has; undefined when there is nothing. */
  async settleBacklog(spool: OwnedSpool, states: number, sends = 1): Promise<Settlement | undefined> {
    const piece = await spool.firstPiece(this.device);
    if (piece === undefined) return undefined;
    const { stateCount } = new RecordView(piece.record);
    const settledStates = Math.min(stateCount, piece.settledStates + states);
    return {
      device: this.device,
      watermark: this.#watermark,
      finishedSequences: [],
      states: settledStates - piece.settledStates,
      sends: sendsOf(sends),
      backlog: { sequence: piece.sequence, settledStates, finished: settledStates === stateCount },
    };
  }

  #take(states: number): JournalProgress {
    let left = states;
    const finishedSequences: number[] = [];
    const ranges: StateRange[] = [];
    for (let first = this.#chunks[0]; first !== undefined && left > 0; first = this.#chunks[0]) {
      const stateCount = Math.min(left, first.states - first.settled);
      ranges.push({ view: first.view, firstState: first.firstState + first.settled, stateCount });
      first.settled += stateCount;
      left -= stateCount;
      if (first.settled < first.states) {
        this.#watermark = { sequence: first.sequence, states: first.settled };
      } else {
        this.#chunks.shift();
        finishedSequences.push(first.sequence);
        this.#watermark = { sequence: first.sequence + 1, states: 0 };
      }
    }
    return { watermark: this.#watermark, finishedSequences, states: states - left, ranges };
  }
}

/** The first `states` states of what is first in a device's backlog. */
export async function firstOfBacklog(spool: OwnedSpool, device: Device, states: number): Promise<TestState[]> {
  const piece = await spool.firstPiece(device);
  if (piece === undefined) return [];
  return (readRecord(piece.record)[0]?.states ?? []).slice(piece.settledStates, piece.settledStates + states);
}

/** Settles a backlog to its end, by at most `step` states at a time; returns its states as they came. */
export async function drainBacklog(spool: OwnedSpool, waiting: WaitingDevice, step: number): Promise<TestState[]> {
  const states: TestState[] = [];
  for (;;) {
    const settlement = await waiting.settleBacklog(spool, step);
    if (settlement === undefined) return states;
    states.push(...(await firstOfBacklog(spool, waiting.device, settlement.states)));
    await spool.settle(settlement);
  }
}

function sendsOf(count: number): CountedSends {
  return { count, windowMs: 15_000, untilMs: 0 };
}
