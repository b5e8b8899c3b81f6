import type { ReplicasView } from '../admin/admin-sources.js';
import type { AskedFor, StoredDeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import type { Distribution } from '../core/metering/meters.js';
import type { Forwarder } from '../core/ports.js';
import type { IntakeLog, KeyedStore, OwnedSpool, Partitions, SpoolView } from '../core/spool-ports.js';
import type { TimebaseStore } from '../core/time/timekeeper.js';

/** What the other stages use of a spool, be it on the disk of this machine or shared with other replicas. */
export interface AppSpool extends IntakeLog, Partitions, SpoolView, Pick<OwnedSpool, 'takeRequeued'> {
  /** For the timekeeper, before anything is read. */
  readonly timebaseStore: TimebaseStore;
  /** As `StoredTimeClock` wants it. */
  readonly wallOffsetMs: number;
  /** Records that the last run left, as far as they were read. */
  readonly leftRecords: number;
  /** What it takes until a record is stored. */
  readonly commitSeconds: Distribution;
  readonly letters: { from(number: number, most: number): readonly StoredDeadLetter[] };
  readonly orders: {
    /** Dead letters that went for want of room. */
    readonly dropped: number;
    ask(action: 'requeue' | 'discard', numbers: readonly number[]): Promise<AskedFor>;
  };
  /** Of what waits for one device, what is in its backlog. */
  backlogBytesOf(device: Device): number;
  close(): Promise<void>;
}

/** A spool, and what depends on where it is. */
export interface OpenedSpool {
  readonly spool: AppSpool;
  /** Opens the table of grants beside it. */
  openTable(): KeyedStore;
  /** The secret key came from a file of the data directory. */
  noteKeyFile(): void;
  /** Has whoever looks into the data directory get a report. */
  tellOthers(report: () => string): void;
  /** Whether what it is on has not answered for so long that states should go elsewhere. */
  isAway(): boolean;
  /** What is known of other replicas; undefined where there are none. */
  replicas(): ReplicasView | undefined;
  /** Has whoever sends on for a device prove a token: `prove` where that is always this process. */
  proveBy(prove: Forwarder['prove']): Forwarder['prove'];
  /** Whether states that bring no time get it from whoever sends them on. */
  readonly isStampedByOwner: boolean;
}
