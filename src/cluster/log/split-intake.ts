import { randomBytes } from 'node:crypto';
import { WRITER_BYTES } from '../../state/record-writer.js';
import { intakeSubject } from '../subjects.js';
import { PartitionWriter, type PartitionWriterOptions, type Publish } from './partition-writer.js';
import { partsOf } from './record-parts.js';

export interface SplitIntakeOptions extends Pick<PartitionWriterOptions, 'heldMs' | 'onStored'> {
  readonly partitions: number;
  readonly publish: (subject: string, record: Uint8Array) => ReturnType<Publish>;
}

/** Stores records by partition, each of these in the order of the calls. */
export class SplitIntake {
  readonly #partitions: number;
  readonly #writers: readonly PartitionWriter[];

  constructor({ partitions, publish, ...options }: SplitIntakeOptions) {
    this.#partitions = partitions;
    this.#writers = Array.from({ length: partitions }, (_, partition) => {
      const subject = intakeSubject(partition);
      const writer = randomBytes(WRITER_BYTES).toString('hex');
      return new PartitionWriter({ ...options, writer, publish: (record) => publish(subject, record) });
    });
  }

  /**
   * Stores a record, which is not to be changed any more.
   * @returns the highest sequence of its parts, when all of them are stored; rejects with a StatewayError when one of them
   *   is not, or may not be
   */
  async append(record: Uint8Array): Promise<number> {
    const parts = [...partsOf(record, this.#partitions)];
    const stored = parts.map(([partition, part]) => (this.#writers[partition] as PartitionWriter).append(part));
    return Math.max(...(await Promise.all(stored)));
  }
}
