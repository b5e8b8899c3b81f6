import type { DeviceReport, TroubledDevice } from '../core/device-report.js';
import type { Clock } from '../core/time/clock.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import type { Lane } from './lane/lane.js';
import type { LaneTrouble } from './lane/lane-faults.js';
import type { LaneTable } from './lane/lane-table.js';
import type { DevicePast } from './lane/last-seen.js';
import type { CloudHealth } from './schedule/cloud-health.js';
import type { HeldApart, HeldSummary } from './send/held-apart.js';
import { TroubleList } from './trouble-list.js';

/** All lanes are looked through, so however often it is asked, it is done no more often than this. */
const FRESH_FOR_MS = 1_000;

export interface DeviceWatchParts {
  readonly clock: Clock;
  readonly table: LaneTable;
  readonly health: CloudHealth;
  readonly heldApart: Pick<HeldApart, 'summaries'>;
  readonly deviceClocks: Pick<DeviceClocks, 'outOfWindow' | 'wrong'>;
  /** By all calls to it, greetings too. */
  readonly doesCloudAnswer: () => boolean;
}

/** Says which devices are in trouble and why, for people. Reads the lanes, and changes nothing. */
export class DeviceWatch {
  readonly #parts: DeviceWatchParts;
  #report: DeviceReport | undefined = undefined;
  #madeAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: DeviceWatchParts) {
    this.#parts = parts;
  }

  /** At most a second old. */
  report(): DeviceReport {
    const nowMs = this.#parts.clock.monotonicMs();
    if (this.#report === undefined || nowMs - this.#madeAtMs >= FRESH_FOR_MS) {
      this.#report = this.#make(nowMs);
      this.#madeAtMs = nowMs;
    }
    return this.#report;
  }

  /** What is the matter with one device now, the worst first. Looks through those in trouble, and not through all lanes. */
  troublesOf(deviceKey: string): readonly TroubledDevice[] {
    const { clock, table, heldApart, deviceClocks } = this.#parts;
    const nowMs = clock.monotonicMs();
    const list = new TroubleList(nowMs, clock.wallMs());
    const lane = table.find(deviceKey);
    for (const wrong of deviceClocks.wrong()) {
      if (wrong.device.key === deviceKey) {
        list.addWrongClock(wrong, deviceClocks.outOfWindow, lane?.waitingStates ?? 0);
      }
    }
    const held = [...heldApart.summaries()].find(({ device }) => device.key === deviceKey);
    const trouble = lane && this.#troubleOf(lane);
    const past = lane ?? table.absent.find(deviceKey);
    if (lane !== undefined && trouble !== undefined) list.addLane(lane, trouble);
    else if (past !== undefined) this.#addPast(list, held, deviceKey, past, nowMs);
    else if (held !== undefined) list.addHeld(held, 0);
    return list.listed();
  }

  #make(nowMs: number): DeviceReport {
    const { clock, table, health, heldApart, deviceClocks } = this.#parts;
    const list = new TroubleList(nowMs, clock.wallMs());
    const held = new Map([...heldApart.summaries()].map((summary) => [summary.device.key, summary]));
    for (const wrong of deviceClocks.wrong()) {
      list.addWrongClock(wrong, deviceClocks.outOfWindow, table.find(wrong.device.key)?.waitingStates ?? 0);
    }
    for (const lane of table.all()) {
      const trouble = this.#troubleOf(lane);
      if (trouble !== undefined) list.addLane(lane, trouble);
      else this.#addPast(list, held.get(lane.device.key), lane.device.key, lane, nowMs);
      held.delete(lane.device.key);
    }
    for (const [deviceKey, past] of table.absent.all()) {
      this.#addPast(list, held.get(deviceKey), deviceKey, past, nowMs);
      held.delete(deviceKey);
    }
    for (const summary of held.values()) list.addHeld(summary, 0);
    return {
      known: table.size + table.absent.size,
      delivering: health.isUp ? list.delivering : 0,
      nothingDelivered: health.isUp && list.deliversNothing(),
      troubled: list.counts,
      causes: list.causes(),
      listed: list.listed(),
    };
  }

  /** While the whole cloud is down, or has not answered yet, what is held up by it alone is no trouble of the device. */
  #troubleOf(lane: Lane): LaneTrouble | undefined {
    const { health, doesCloudAnswer } = this.#parts;
    const trouble = lane.isEmpty ? undefined : lane.trouble;
    if (trouble === undefined || trouble.kind === 'parked') return trouble;
    if (!health.isUp) return undefined;
    if (trouble.kind === 'throttled') return trouble;
    // Failures of an outage count no more once the cloud is back.
    return lane.failures > 0 && doesCloudAnswer() ? trouble : undefined;
  }

  /** The trouble of a device that can send, if it has one. */
  #addPast(list: TroubleList, held: HeldSummary | undefined, deviceKey: string, past: Past, nowMs: number): void {
    const { lastSeen, refusals, waitingStates = 0 } = past;
    const { hasDelivered } = lastSeen;
    if (refusals?.isTrouble(past.waitedMs?.(nowMs) ?? 0, nowMs) === true) {
      list.addRefused(deviceKey, refusals, waitingStates);
    } else if (held !== undefined) {
      list.addHeld(held, waitingStates, hasDelivered);
    } else if (lastSeen.isSilent(nowMs)) {
      list.addSilent(deviceKey, lastSeen, waitingStates);
    } else if (hasDelivered) {
      list.delivering++;
    }
  }
}

/** A lane, or what is remembered of a device without one. */
type Past = DevicePast & Partial<Pick<Lane, 'waitedMs' | 'waitingStates'>>;
