import type { Device } from '../../core/device.js';
import type { BacklogSummary } from '../../core/spool-ports.js';
import type { PieceRow } from '../ledger/changes.js';

/** The backlog of a partition by device: what each piece holds, as the ledger says; the pieces themselves are messages. */
export class BacklogPieces {
  /** By device key; none is empty. In order. */
  readonly #pieces = new Map<string, PieceRow[]>();
  #bytes = 0;
  #states = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Not settled. */
  get states(): number {
    return this.#states;
  }

  get oldestStoredAtMs(): number | undefined {
    let oldestMs: number | undefined;
    for (const { oldestStoredAtMs } of this.rows()) {
      if (oldestMs === undefined || oldestStoredAtMs < oldestMs) oldestMs = oldestStoredAtMs;
    }
    return oldestMs;
  }

  first(device: Device): PieceRow | undefined {
    return this.#pieces.get(device.key)?.[0];
  }

  /** A piece is new, or settled further than before; it is gone when it is settled whole. */
  set(row: PieceRow): void {
    const { key } = row.device;
    const others = (this.#pieces.get(key) ?? []).filter((piece) => {
      if (piece.sequence === row.sequence) this.#count(piece, -1);
      return piece.sequence !== row.sequence;
    });
    if (row.settledStates < row.states) {
      this.#count(row, 1);
      others.push(row);
      others.sort((one, other) => one.sequence - other.sequence);
    }
    if (others.length === 0) this.#pieces.delete(key);
    else this.#pieces.set(key, others);
  }

  *rows(): Iterable<PieceRow> {
    for (const pieces of this.#pieces.values()) yield* pieces;
  }

  *summaries(): Iterable<BacklogSummary> {
    for (const pieces of this.#pieces.values()) yield summaryOf(pieces);
  }

  bytesOf(device: Device): number {
    return sum(this.#pieces.get(device.key) ?? [], ({ bytes }) => bytes);
  }

  #count({ bytes, states, settledStates }: PieceRow, sign: 1 | -1): void {
    this.#bytes += sign * bytes;
    this.#states += sign * (states - settledStates);
  }
}

function summaryOf(pieces: readonly PieceRow[]): BacklogSummary {
  return {
    device: (pieces[0] as PieceRow).device,
    pieces: pieces.length,
    states: sum(pieces, ({ states, settledStates }) => states - settledStates),
    bytes: sum(pieces, ({ bytes }) => bytes),
    oldestStoredAtMs: Math.min(...pieces.map(({ oldestStoredAtMs }) => oldestStoredAtMs)),
  };
}

function sum(pieces: readonly PieceRow[], of: (piece: PieceRow) => number): number {
  return pieces.reduce((total, piece) => total + of(piece), 0);
}
