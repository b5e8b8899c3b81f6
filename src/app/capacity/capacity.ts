import type { MemoryView } from '../../admin/admin-sources.js';
import type { AuthStage } from '../../auth/auth-stage.js';
import { collectGarbage, HeapTrim } from '../../core/machine/heap-trim.js';
import type { IntakeLog, SpoolView } from '../../core/spool-ports.js';
import { systemClock } from '../../core/time/clock.js';
import type { Lanes } from '../../forward/lanes.js';
import type { LineWriter } from '../log/event-log.js';
import type { StoredThenForwarded } from '../stored-then-forwarded.js';
import { DeviceBound, mostDevicesIn } from './device-bound.js';
import { FullnessWatch } from './fullness-watch.js';
import { onOldHeapBytes, readMemoryLimits } from './memory-limits.js';
import { MemoryWatch, memoryUse, setHeapGrowth } from './memory-watch.js';

export interface CapacityParts {
  readonly log: LineWriter;
  readonly maxSpoolBytes: number;
  readonly spool: Pick<SpoolView & IntakeLog, 'status' | 'diskFault'>;
  readonly lanes: Pick<Lanes, 'size' | 'deviceOf'>;
  readonly auth: Pick<AuthStage, 'grantedDevices' | 'isGranted'>;
  readonly sink: Pick<StoredThenForwarded, 'shortage'>;
}

/** What the running proxy has room for: memory and, by it, devices; and the lines in the log when something is full. */
export class Capacity {
  readonly #parts: CapacityParts;
  readonly #limits = readMemoryLimits();
  #oldHeapBytes = Number.POSITIVE_INFINITY;
  readonly #memory: MemoryWatch;
  readonly #trim = new HeapTrim({ clock: systemClock });
  /** The bound on devices. */
  readonly devices: DeviceBound;
  readonly #watches: readonly FullnessWatch[];

  constructor(parts: CapacityParts) {
    this.#parts = parts;
    onOldHeapBytes((bytes) => {
      this.#oldHeapBytes = bytes;
    });
    this.#memory = new MemoryWatch({
      clock: systemClock,
      limits: this.#limits,
      oldHeapBytes: () => this.#oldHeapBytes,
      use: memoryUse,
      collect: collectGarbage,
      setGrowthPercent: setHeapGrowth,
    });
    const { auth, lanes } = parts;
    this.devices = new DeviceBound({
      mostDevices: mostDevicesIn(this.#limits),
      granted: () => auth.grantedDevices,
      active: () => lanes.size,
      isGranted: (deviceId) => auth.isGranted(deviceId),
      isActive: (deviceKey) => lanes.deviceOf(deviceKey) !== undefined,
      isCrowded: () => this.#memory.isCrowded,
    });
    this.#watches = [this.#watchStates(), this.#watchDevices()];
  }

  /** Whether there is no memory for new states. */
  get isMemoryShort(): boolean {
    return this.#memory.isShort;
  }

  start(): void {
    this.#memory.start();
    this.#trim.start();
    for (const watch of this.#watches) watch.start();
  }

  /**
   * To be called when what the last run left has been read back, before anybody waits for an answer: half of the heap is
   * garbage then, and would stay until the heap has grown by as much again.
   */
  clearAfterStart(): void {
    collectGarbage();
  }

  stop(): void {
    this.#memory.stop();
    this.#trim.stop();
    for (const watch of this.#watches) watch.stop();
  }

  /** For people. */
  view(): MemoryView {
    const { most, known } = this.devices;
    return { limits: this.#limits, use: this.#memory.use, devices: { most, known, isFull: this.devices.isFull() } };
  }

  #watchStates(): FullnessWatch {
    const { log, maxSpoolBytes, sink, spool } = this.#parts;
    const figures = () => {
      const { bytes, states } = spool.status();
      const { residentBytes, heapBytes } = this.#memory.use;
      return { waitingStates: states, waitingBytes: bytes, maxSpoolBytes, residentBytes, heapBytes };
    };
    return new FullnessWatch({
      clock: systemClock,
      // A disk that fails has lines of its own.
      shortage: () => (spool.diskFault === undefined ? sink.shortage() : undefined),
      onFull: (what) =>
        log.error({ event: `${what}-full`, ...figures() }, `the ${what} is full: new states are refused`),
      onRoom: (what, fullMs) =>
        log.info({ event: `${what}-room`, fullMs: Math.round(fullMs), ...figures() }, 'new states are taken again'),
    });
  }

  #watchDevices(): FullnessWatch {
    const { log } = this.#parts;
    const figures = () => {
      const { devices, limits, use } = this.view();
      return { devices: devices.known, mostDevices: devices.most, ...use, memoryLimitBytes: limits.bytes };
    };
    return new FullnessWatch({
      clock: systemClock,
      shortage: () => (this.devices.isFull() ? 'devices' : undefined),
      onFull: () =>
        log.error({ event: 'devices-full', ...figures() }, 'no memory for more devices: new ones are refused'),
      onRoom: (_what, fullMs) =>
        log.info({ event: 'devices-room', fullMs: Math.round(fullMs), ...figures() }, 'new devices are taken again'),
    });
  }
}
