import { JetstreamSpool, type JetstreamSpoolOptions } from '../cluster/jetstream-spool.js';
import type { DeadLetter } from '../core/dead-letter.js';
import type { Device } from '../core/device.js';
import { Distribution } from '../core/metering/meters.js';
import type { PartitionOwner } from '../core/spool-ports.js';
import type { TimebaseStore } from '../core/time/timekeeper.js';
import type { AppSpool } from './app-spool.js';

/** Seconds that a message takes until most of the servers have it: a millisecond, or an election. */
const PUBLISH_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Letters of each partition that are shown in order of their numbers. */
const LETTERS_SHOWN = 1_000;

/** The spool that replicas share, as the other stages know a spool. */
export class ReplicatedSpool implements AppSpool {
  readonly cluster: JetstreamSpool;
  readonly commitSeconds: Distribution;
  readonly diskFault = undefined;
  readonly leftRecords = 0;
  readonly letters: AppSpool['letters'];
  readonly orders: AppSpool['orders'];
  readonly stampFloorMs: number;
  readonly timebaseStore: TimebaseStore;
  readonly wallOffsetMs: number;

  private constructor(cluster: JetstreamSpool, commitSeconds: Distribution, { clock }: JetstreamSpoolOptions) {
    this.cluster = cluster;
    this.commitSeconds = commitSeconds;
    this.stampFloorMs = cluster.stampFloorMs;
    this.wallOffsetMs = clock.wallMs() - clock.monotonicMs();
    this.timebaseStore = timebasesOfThisRun(clock.monotonicMs());
    this.letters = {
      from: (number, most) => {
        const from = cluster.latestDeadLetters(LETTERS_SHOWN).filter((letter) => letter.number >= number);
        return from.sort((one, other) => one.number - other.number).slice(0, most);
      },
    };
    this.orders = { dropped: 0, ask: (action, numbers) => cluster.askForLetters(action, numbers) };
  }

  /** @throws StatewayError as `JetstreamSpool.open` */
  static async open(options: Omit<JetstreamSpoolOptions, 'onPublished'>): Promise<ReplicatedSpool> {
    const seconds = new Distribution(PUBLISH_BOUNDS);
    const onPublished = (tookMs: number) => seconds.observe(tookMs / 1_000);
    return new ReplicatedSpool(await JetstreamSpool.open({ ...options, onPublished }), seconds, options);
  }

  append(record: Uint8Array): Promise<number> {
    return this.cluster.append(record);
  }

  keepDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    return this.cluster.keepDeadLetters(letters);
  }

  get isFull() {
    return this.cluster.isFull;
  }

  start(owner: PartitionOwner): Promise<void> {
    return this.cluster.start(owner);
  }

  ownedOf(device: Device) {
    return this.cluster.ownedOf(device);
  }

  status() {
    return this.cluster.status();
  }

  latestDeadLetters(most: number) {
    return this.cluster.latestDeadLetters(most);
  }

  takeRequeued() {
    return this.cluster.takeRequeued();
  }

  backlogBytesOf(device: Device): number {
    return this.cluster.backlogBytesOf(device);
  }

  close(): Promise<void> {
    return this.cluster.close();
  }
}

/** What waits is stamped in whole milliseconds by whoever sends it on: no timebase is needed after a restart. */
function timebasesOfThisRun(firstOpenedMs: number): TimebaseStore {
  return {
    timebases: { bases: [], heard: undefined },
    isEmpty: true,
    isDamaged: false,
    firstOpenedMs,
    noteTimebases: () => {},
    saveTimebases: async () => {},
  };
}
