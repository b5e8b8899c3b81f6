import type { IntakeStream } from '../../../src/cluster/intake-stream.js';
import { type Claim, Claimant } from '../../../src/cluster/ledger/claimant.js';
import { LEDGER_TIMES } from '../../../src/cluster/ledger/ledger-parts.js';
import type { KeepStream } from '../../../src/cluster/ledger-log.js';
import { askForLettersOf } from '../../../src/cluster/partition/asked-letters.js';
import { encodeLetter } from '../../../src/cluster/partition/dead-letter-message.js';
import { OwnedPartition, type UnreadableItem } from '../../../src/cluster/partition/owned-partition.js';
import { deadLetterSubject, ledgerSubject } from '../../../src/cluster/subjects.js';
import { type Clock, systemClock } from '../../../src/core/time/clock.js';
import type { FakeClock } from '../../helpers/fake-clock.js';
import type { SpoolSite, WholeSpool } from '../../spool/contract.js';
import { MemoryKeep } from '../ledger/memory-keep.js';
import { MemoryIntake } from '../memory-intake.js';

const NO_BOUND = Number.POSITIVE_INFINITY;

/** Where a partition's messages are kept; `append` is what the replicas' writers do. */
export interface PartitionStreams {
  readonly partition: number;
  readonly keep: KeepStream;
  readonly intake: IntakeStream;
  append(record: Uint8Array): Promise<number>;
}

export function memoryStreams(): PartitionStreams & { readonly keep: MemoryKeep; readonly intake: MemoryIntake } {
  const intake = new MemoryIntake();
  return { partition: 0, keep: new MemoryKeep(), intake, append: async (record) => intake.append(0, record) };
}

export interface OpenOptions {
  readonly maxOpenBytes?: number;
  readonly maxDeadLetterBytes?: number;
  readonly layout?: number;
}

/** Owners of one partition, one after the other. */
export class PartitionOwners {
  readonly streams: PartitionStreams;
  readonly unreadable: { readonly what: UnreadableItem; readonly sequence: number }[] = [];
  readonly #clock: Clock;
  #owners = 0;

  constructor(streams: PartitionStreams, clock: Clock) {
    this.streams = streams;
    this.#clock = clock;
  }

  /** Claims the partition and has it, unopened. */
  async next(options: OpenOptions = {}): Promise<OwnedPartition> {
    const { keep, intake, partition } = this.streams;
    const { layout = 2, maxOpenBytes = NO_BOUND, maxDeadLetterBytes = NO_BOUND } = options;
    const claim = await new Promise<Claim>((onClaimed) => {
      const subject = ledgerSubject(partition);
      const owner = (++this.#owners).toString(16).padStart(32, '0');
      const onUnreadable = () => {};
      const parts = { log: keep, clock: this.#clock, subject, owner, layout: () => layout, times: LEDGER_TIMES };
      new Claimant({ ...parts, onClaimed, onUnreadable }).start();
    });
    return new OwnedPartition(
      { partition, gatherMs: 1, maxOpenBytes, maxDeadLetterBytes },
      {
        claim,
        keep,
        intake,
        clock: this.#clock,
        storedAtMs: () => this.#clock.wallMs(),
        onUnreadable: (what, sequence) => this.unreadable.push({ what, sequence }),
      },
    );
  }
}

/** What the clock shows is the test's; what is waited for takes its time. */
export function waitingClock(clock: FakeClock): Clock {
  return {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs(),
    schedule: (delayMs, task) => systemClock.schedule(delayMs, task),
  };
}

/** A partition as the whole of a spool, for what every spool promises. */
export function createPartitionSite(clock: FakeClock, streams: PartitionStreams = memoryStreams()): SpoolSite {
  const owners = new PartitionOwners(streams, waitingClock(clock));
  const { keep, partition } = streams;
  return {
    isShared: true,
    open: async () => wholeSpoolOf(await owners.next(), streams),
    requestRequeue: async (numbers) => {
      const asked = numbers === 'all' ? numbers : new Set(numbers);
      return (await askForLettersOf(keep, partition, 'requeue', asked)).requested;
    },
    remove: () => {},
  };
}

function wholeSpoolOf(partition: OwnedPartition, { append, keep }: PartitionStreams): WholeSpool {
  const subject = deadLetterSubject(partition.partition);
  return {
    isFull: undefined,
    diskFault: undefined,
    stampFloorMs: 0,
    append,
    keepDeadLetters: async (letters) => {
      for (const letter of letters) {
        await keep.append({ subject, payload: encodeLetter(letter) });
      }
      await partition.takeRequeued();
    },
    start: (owner) => owner.onOwned(partition),
    ownedOf: () => partition,
    open: () => partition.open(),
    read: (onRecord) => partition.read(onRecord),
    get lastRead() {
      return partition.lastRead;
    },
    get mayStartUntilMs() {
      return partition.mayStartUntilMs;
    },
    settle: (settlement) => partition.settle(settlement),
    spill: (spill) => partition.spill(spill),
    firstPiece: (device) => partition.firstPiece(device),
    takeRequeued: () => partition.takeRequeued(),
    deadLettersFrom: (number, most) => partition.deadLettersFrom(number, most),
    history: (device) => partition.history(device),
    status: () => partition.status(),
    latestDeadLetters: (most) => partition.latestDeadLetters(most),
    close: () => partition.release(),
  };
}
