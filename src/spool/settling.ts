import type { Device } from '../core/device.js';
import type { Settlement, Spill } from '../core/spool-ports.js';
import { RecordView } from '../state/record-layout.js';
import type { Backlog } from './backlog/backlog.js';
import type { SpoolDisk } from './disk/spool-disk.js';
import type { DeviceWatermarks } from './journal/device-watermarks.js';
import type { Journal } from './journal/journal.js';
import type { Change, PerKeyQueue } from './lmdb/commit-writer.js';
import type { DeadLetters } from './orders/dead-letters.js';

export interface SettlingParts {
  readonly disk: SpoolDisk;
  readonly journal: Journal;
  readonly perDevice: PerKeyQueue;
  readonly backlog: Backlog;
  readonly letters: DeadLetters;
  readonly watermarks: DeviceWatermarks;
  /** To be called when dead letters came. */
  readonly keepBound: () => void;
}

/**
 * Writes down what lanes have got rid of, for one device after the other: to the journal where that is all, and as one
 * transaction of LMDB where a piece of backlog or a dead letter has to change with it.
 */
export class Settling {
  readonly #parts: SettlingParts;

  constructor(parts: SettlingParts) {
    this.#parts = parts;
  }

  /** As {@link OwnedSpool.settle}. */
  settle(settlement: Settlement): Promise<void> {
    const { device, backlog, deadLetters, liftedLetters } = settlement;
    const isOfJournal = backlog === undefined && !deadLetters?.length && liftedLetters === undefined;
    const settle = () => (isOfJournal ? this.#settle(settlement) : this.#settleInLmdb(settlement));
    return this.#parts.perDevice.run(device.key, settle);
  }

  /** As {@link OwnedSpool.spill}. */
  spill({ device, piece, watermark, finishedSequences }: Spill): Promise<void> {
    const { disk, journal, perDevice, watermarks } = this.#parts;
    return perDevice.run(device.key, async () => {
      const { stateCount } = new RecordView(piece);
      const added = await this.stage(device, piece);
      const moved = watermarks.moved(device, watermark);
      const gone = journal.settle(stateCount, finishedSequences);
      await disk.writer.commit([added, moved, gone], false);
    });
  }

  /** Stores a piece of backlog; it belongs to its device when the change is committed. */
  async stage(device: Device, piece: Uint8Array): Promise<Change> {
    const { backlog, disk } = this.#parts;
    try {
      disk.health.assertWritable();
      return await backlog.add(device, piece);
    } catch (error) {
      return disk.refusePiece(error);
    }
  }

  /** What is settled of the journal alone is a row in it. */
  async #settle({ device, watermark, sends, states, finishedSequences }: Settlement): Promise<void> {
    const { journal, watermarks } = this.#parts;
    const gone = journal.settle(states, finishedSequences);
    try {
      await watermarks.settle(device, { watermark, sends });
    } catch (error) {
      gone.failed();
      throw error;
    }
    gone.committed();
  }

  async #settleInLmdb(settlement: Settlement): Promise<void> {
    const { disk, journal, backlog: backlogs, letters, watermarks, keepBound } = this.#parts;
    const { device, watermark, finishedSequences, sends, backlog, deadLetters, liftedLetters } = settlement;
    const progress = backlog === undefined ? undefined : backlogs.settle(device, backlog);
    const changes: Change[] = [
      watermarks.settled(device, { watermark, sends }),
      journal.settle(settlement.states - (progress?.states ?? 0), finishedSequences),
    ];
    if (progress !== undefined) changes.push(progress);
    if (deadLetters !== undefined) changes.push(letters.add(deadLetters));
    if (liftedLetters !== undefined) changes.push(letters.remove(liftedLetters));
    await disk.writer.commit(changes, true);
    if (deadLetters !== undefined) keepBound();
  }
}
