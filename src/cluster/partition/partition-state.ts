import type { Device } from '../../core/device.js';
import type { Clock } from '../../core/time/clock.js';
import type { Changes, PieceRow, WriterRow } from '../ledger/changes.js';
import type { Claim } from '../ledger/claimant.js';
import type { KeepStream } from '../ledger-log.js';
import { backlogSubject, deadLetterSubject } from '../subjects.js';
import { BacklogPieces } from './backlog-pieces.js';
import { KnownDevices } from './known-devices.js';
import { type LedgerHistory, sendsAtTakeOver } from './ledger-history.js';
import { OwnerStamps } from './owner-stamps.js';
import { PartitionLetters } from './partition-letters.js';
import { partsOf } from './snapshot-parts.js';
import type { WrittenStep } from './step-writer.js';

const NOTHING_LEFT = { bytes: 0, states: 0, settledStates: 0, oldestStoredAtMs: 0 };

export interface PartitionStateParts {
  readonly partition: number;
  readonly keep: KeepStream;
  readonly clock: Clock;
  readonly onUnreadableLetter: (sequence: number, reason: string) => void;
}

/** What is known of a partition: what its ledger says, in memory. */
export class PartitionState {
  readonly known: KnownDevices;
  readonly backlog = new BacklogPieces();
  readonly stamps = new OwnerStamps();
  readonly letters: PartitionLetters;
  readonly #parts: PartitionStateParts;
  /** By device, the last piece that is settled whole and may still be there as a message. */
  readonly #gone = new Map<string, { readonly device: Device; readonly sequence: number }>();

  constructor(parts: PartitionStateParts) {
    const { clock, keep, onUnreadableLetter: onUnreadable, partition } = parts;
    this.#parts = parts;
    this.known = new KnownDevices(clock);
    this.letters = new PartitionLetters({ keep, subject: deadLetterSubject(partition), onUnreadable });
  }

  /** Takes over what the owners before have written. @returns the last record of each writer before the cursor */
  restore({ changes, sinceSnapshotMs }: LedgerHistory, claim: Claim): WriterRow[] {
    const writers = new Map<string, WriterRow>();
    for (const { devices, pieces, writers: rows } of changes) {
      for (const row of devices) {
        this.known.set({ ...row, sends: sendsAtTakeOver(row.sends, claim, sinceSnapshotMs) });
      }
      for (const piece of pieces) this.#setPiece(piece);
      for (const row of rows) writers.set(row.writer, row);
    }
    for (const { device, stamps } of this.known.values()) this.stamps.restore(device, stamps);
    const letters = changes.findLast((change) => change.letters !== undefined)?.letters;
    this.letters.restore(
      letters,
      changes.flatMap(({ lifted }) => lifted),
    );
    return [...writers.values()];
  }

  /** A step is on stable storage. */
  written({ device, lifted, pieces }: WrittenStep): void {
    if (device !== undefined) this.known.set(device);
    for (const piece of pieces) this.#setPiece(piece);
    this.letters.ended(lifted);
  }

  /** All that is known; what bears on nothing any more is forgotten. */
  all(cursor: number, writers: readonly WriterRow[]): Changes[] {
    this.known.forget(cursor);
    this.stamps.forget((deviceKey) => !this.known.has(deviceKey));
    const gone = [...this.#gone.values()].map((piece) => ({ ...piece, ...NOTHING_LEFT }));
    return partsOf({
      devices: this.known.rows(),
      pieces: [...this.backlog.rows(), ...gone],
      writers,
      letters: this.letters.row(),
      lifted: this.letters.lifted,
    });
  }

  /** Removes messages that count no more. @throws StatewayError when one cannot be; the next call goes on */
  async tidy(): Promise<void> {
    const { keep, partition } = this.#parts;
    for (const [key, gone] of [...this.#gone]) {
      await keep.purge(backlogSubject(partition, gone.device), gone.sequence);
      if (this.#gone.get(key) === gone) this.#gone.delete(key);
    }
    await this.letters.tidy();
  }

  #setPiece(piece: PieceRow): void {
    this.backlog.set(piece);
    const { device, sequence } = piece;
    if (piece.settledStates >= piece.states) this.#gone.set(device.key, { device, sequence });
  }
}
