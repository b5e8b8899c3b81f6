import type { AskedFor, DeadLetter, StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { Forwarder } from '../core/ports.js';
import type {
  BacklogSummary,
  IntakeLog,
  KeyedStore,
  OwnedSpool,
  PartitionOwner,
  Partitions,
  SpoolShortage,
  SpoolStatus,
  SpoolView,
} from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import type { LedgerTimes } from './ledger/ledger-parts.js';
import type { AppendOutcome, KeepStream } from './ledger-log.js';
import { PartitionLogs } from './log/partition-reading.js';
import { SplitIntake } from './log/split-intake.js';
import { Trimmer } from './log/trimmer.js';
import type { Member } from './members/members.js';
import { NatsKeepStream } from './nats/keep-stream.js';
import { type LinkOptions, NatsLink } from './nats/link.js';
import { appendTo } from './nats/publishing.js';
import { assertSynced, assertVersion } from './nats/server-check.js';
import { StreamMessages } from './nats/stream-messages.js';
import { prepareStreams } from './nats/streams.js';
import { OwnedPartitions, type OwnedPartitionsParts, type PartitionCounts } from './owned-partitions.js';
import { OwnerProofs } from './owner-proofs.js';
import { askForLetters } from './partition/asked-letters.js';
import { encodeLetter } from './partition/dead-letter-message.js';
import { ledgerCursor } from './partition/ledger-cursor.js';
import type { SubjectMessages } from './subject-messages.js';
import { deadLetterSubject, GRANTS_STREAM, INTAKE_STREAM, intakeSubject, partitionOf } from './subjects.js';
import { SharedTable } from './table/shared-table.js';

/** Between two looks at how full the stream is. */
const LOOK_EVERY_MS = 3_000;
/** After so long without the servers a replica is not ready: what it has not stored by then it refuses. */
const AWAY_AFTER_MS = 10_000;
/** For what an owner has to write as it gives its partitions up. */
const RELEASE_WITHIN_MS = 2_000;

export interface JetstreamSpoolOptions extends LinkOptions {
  /** Of the servers' monitoring; where there are none, the promise that they sync rests on the operator. */
  readonly monitorUrls: readonly string[];
  readonly partitions: number;
  readonly replicas: number;
  readonly maxSpoolBytes: number;
  readonly maxDeadLetterBytes: number;
  /** Of records that wait in memory. */
  readonly maxOpenBytes: number;
  readonly clock: Clock;
  readonly times?: LedgerTimes;
  readonly onHandOver: OwnedPartitionsParts['onHandOver'];
  readonly onUnreadable: OwnedPartitionsParts['onUnreadable'];
  /** Told what each message took until it was stored, in milliseconds. */
  readonly onPublished?: (tookMs: number) => void;
}

/** Figures of the replicas together, as far as this one knows. */
export interface ClusterFigures {
  readonly isUp: boolean;
  readonly owned: readonly number[];
  readonly partitions: number;
  readonly counts: PartitionCounts;
  readonly members: readonly Member[];
  readonly streamBytes: number;
  readonly streamMaxBytes: number;
}

/** The spool of several replicas: streams of a NATS JetStream, whose partitions move between them. */
export class JetstreamSpool implements IntakeLog, Partitions, SpoolView {
  /** No disk of this machine's is in it. */
  readonly diskFault = undefined;
  /** Stamps are given by owners, who know those before. */
  readonly stampFloorMs = Number.NEGATIVE_INFINITY;
  readonly #options: JetstreamSpoolOptions;
  readonly #link: NatsLink;
  readonly #keep: KeepStream;
  readonly #messages: SubjectMessages;
  readonly #intake: SplitIntake;
  readonly #partitions: OwnedPartitions;
  readonly #trimmer: Trimmer;
  #proofs: OwnerProofs | undefined = undefined;
  #streamBytes = 0;
  /** Monotonic: when the servers last said something. */
  #heardMs: number;
  #cancelLook: (() => void) | undefined = undefined;
  #isClosed = false;

  private constructor(options: JetstreamSpoolOptions, link: NatsLink, keep: KeepStream) {
    this.#options = options;
    this.#link = link;
    this.#keep = keep;
    const { clock, maxDeadLetterBytes, maxOpenBytes, name, onHandOver, onPublished, onUnreadable, partitions } =
      options;
    const messages = new StreamMessages(link, INTAKE_STREAM);
    this.#messages = messages;
    this.#heardMs = clock.monotonicMs();
    this.#intake = new SplitIntake({
      partitions,
      publish: (subject, payload) => this.#publish(subject, payload),
      ...(onPublished === undefined ? {} : { onStored: onPublished }),
    });
    this.#partitions = new OwnedPartitions(
      { partitions, name, maxOpenBytes, maxDeadLetterBytes, ...(options.times && { times: options.times }) },
      {
        keep,
        intake: new PartitionLogs(messages),
        talk: link,
        clock,
        storedAtMs: () => clock.wallMs(),
        onHandOver,
        onUnreadable,
      },
    );
    this.#trimmer = new Trimmer({
      messages,
      partitions,
      clock,
      cursorOf: (partition) => ledgerCursor(keep, partition),
      isOnDuty: () => this.#partitions.has(0),
    });
  }

  /**
   * Connects, and makes the streams where they are missing.
   * @throws StatewayError `STATEWAY_NATS_AWAY` where no server answers, `STATEWAY_CONFIGURATION` where what is there cannot be used
   */
  static async open(options: JetstreamSpoolOptions): Promise<JetstreamSpool> {
    await assertSynced(options.monitorUrls);
    const link = await NatsLink.open(options);
    try {
      assertVersion(link.serverVersion);
      const { maxSpoolBytes, partitions, replicas } = options;
      await prepareStreams(link, { partitions, replicas, maxIntakeBytes: maxSpoolBytes });
      return new JetstreamSpool(options, link, await NatsKeepStream.open(link));
    } catch (error) {
      await link.close();
      throw error;
    }
  }

  /** The rows that all replicas share. */
  openTable(): Promise<SharedTable & KeyedStore> {
    const messages = new StreamMessages(this.#link, GRANTS_STREAM);
    return SharedTable.open({ messages, publish: (subject, payload) => this.#publish(subject, payload) });
  }

  append(record: Uint8Array): Promise<number> {
    return this.#intake.append(record);
  }

  async keepDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    for (const letter of letters) {
      const subject = deadLetterSubject(partitionOf(letter.device.idBytes, this.#options.partitions));
      const outcome = await this.#keep.append({ subject, payload: encodeLetter(letter) });
      if (outcome.outcome === 'stored') continue;
      throw new StatewayError('STATEWAY_NATS_AWAY', 'NATS did not say in time that it is kept; send it again');
    }
  }

  get isFull(): SpoolShortage | undefined {
    return this.#streamBytes >= this.#options.maxSpoolBytes ? 'spool' : undefined;
  }

  /** Whether the servers have said nothing for longer than an election takes. */
  get isAway(): boolean {
    return this.#options.clock.monotonicMs() - this.#heardMs > AWAY_AFTER_MS;
  }

  async start(owner: PartitionOwner): Promise<void> {
    await this.#look();
    await this.#partitions.start(owner);
    this.#trimmer.start();
  }

  ownedOf(device: Device): OwnedSpool | undefined {
    return this.#partitions.ownedOf(device);
  }

  /** What waits in the partitions of this replica. */
  status(): SpoolStatus {
    const all = this.#partitions.list().map((partition) => partition.status());
    const sum = (of: (status: SpoolStatus) => number) => all.reduce((total, status) => total + of(status), 0);
    const oldest = all.flatMap(({ oldestStoredAtMs }) => oldestStoredAtMs ?? []);
    return {
      bytes: sum(({ bytes }) => bytes),
      states: sum(({ states }) => states),
      deadLetters: sum(({ deadLetters }) => deadLetters),
      deadLetterBytes: sum(({ deadLetterBytes }) => deadLetterBytes),
      oldestStoredAtMs: oldest.length === 0 ? undefined : Math.min(...oldest),
      unreadableRecords: sum(({ unreadableRecords }) => unreadableRecords),
    };
  }

  latestDeadLetters(most: number): readonly StoredDeadLetter[] {
    const letters = this.#partitions.list().flatMap((partition) => partition.latestDeadLetters(most));
    return letters.sort((one, other) => other.refusedAtMs - one.refusedAtMs).slice(0, most);
  }

  /** As {@link OwnedSpool.takeRequeued}, of all partitions of this replica. */
  async takeRequeued(): Promise<readonly BacklogSummary[]> {
    const taken = await Promise.all(this.#partitions.list().map((partition) => partition.takeRequeued()));
    return taken.flat();
  }

  /** Has dead letters of any partition sent again or taken away, by whoever owns it. */
  askForLetters(action: 'requeue' | 'discard', numbers: readonly number[]): Promise<AskedFor> {
    return askForLetters(this.#keep, this.#options.partitions, action, new Set(numbers));
  }

  /** Has the owner of a device prove a token, and answers other replicas by `prove` of this one. */
  proveBy(prove: Forwarder['prove']): Forwarder['prove'] {
    const { clock, partitions } = this.#options;
    const proofs = new OwnerProofs({
      talk: this.#link,
      clock,
      partitions,
      ownedOf: (device) => this.#partitions.ownedOf(device),
      lastSequence: (partition) => this.#messages.lastSequence(intakeSubject(partition)),
      prove,
    });
    proofs.start();
    this.#proofs = proofs;
    return (device, token, body, isServed) => proofs.prove(device, token, body, isServed);
  }

  /** Of what waits for one device, what is in its backlog. */
  backlogBytesOf(device: Device): number {
    const partition = partitionOf(device.idBytes, this.#options.partitions);
    return (
      this.#partitions
        .list()
        .find((owned) => owned.partition === partition)
        ?.backlogBytesOf(device) ?? 0
    );
  }

  figures(): ClusterFigures {
    return {
      isUp: this.#link.isUp && !this.isAway,
      owned: this.#partitions.list().map(({ partition }) => partition),
      partitions: this.#options.partitions,
      counts: this.#partitions.counts(),
      members: this.#partitions.members.list(),
      streamBytes: this.#streamBytes,
      streamMaxBytes: this.#options.maxSpoolBytes,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook?.();
    this.#trimmer.stop();
    this.#proofs?.stop();
    await this.#partitions.close(RELEASE_WITHIN_MS);
    await this.#link.close();
  }

  async #publish(subject: string, payload: Uint8Array): Promise<AppendOutcome> {
    const outcome = await appendTo(this.#link, { subject, payload });
    if (outcome.outcome !== 'again') this.#heardMs = this.#options.clock.monotonicMs();
    return outcome;
  }

  /** How full the stream is; without the servers, what was known last. */
  async #look(): Promise<void> {
    const { clock } = this.#options;
    try {
      const { bytes } = await this.#messages.bounds();
      this.#streamBytes = bytes;
      this.#heardMs = clock.monotonicMs();
    } catch {
      // Said by `isAway`.
    }
    if (!this.#isClosed) this.#cancelLook = clock.schedule(LOOK_EVERY_MS, () => void this.#look());
  }
}
