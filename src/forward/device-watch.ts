import type { Clock } from '../core/clock.js';
import type { OutOfWindow } from '../core/cloud-window.js';
import { Device, ID_BYTES } from '../core/device.js';
import type { DeviceClocks, WrongClock } from '../core/device-clocks.js';
import type { DeviceReport, Trouble, TroubledDevice } from '../core/device-report.js';
import type { DevicePast } from './absent-devices.js';
import type { CloudHealth } from './cloud-health.js';
import type { Hearing } from './hearing.js';
import type { HeldApart, HeldSummary } from './held-apart.js';
import type { Lane, LaneTrouble } from './lane.js';
import type { LaneTable } from './lane-table.js';
import type { Refusals } from './refusals.js';

/** Devices that are named at most; of the rest there is a count. */
export const MAX_LISTED = 100;
/** All lanes are looked through, so however often it is asked, it is done no more often than this. */
const FRESH_FOR_MS = 1_000;

const WRONG_CLOCK_REASONS: Readonly<Record<OutOfWindow, string>> = {
  forward: 'its states have times over 30 days past or over a day ahead, and the cloud ignores such states',
  arrival: 'its states have times over 30 days past or over a day ahead, and are sent with that of their arrival',
  refuse: 'its states have times over 30 days past or over a day ahead, and are refused for that',
};

const ID_DIGITS = 2 * ID_BYTES;

export interface DeviceWatchParts {
  readonly clock: Clock;
  readonly table: LaneTable;
  readonly health: CloudHealth;
  readonly heldApart: Pick<HeldApart, 'summaries'>;
  readonly deviceClocks: Pick<DeviceClocks, 'outOfWindow' | 'wrong'>;
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
    const { clock, table, health, heldApart, deviceClocks } = this.#parts;
    const nowMs = clock.monotonicMs();
    const list = new TroubleList(nowMs, clock.wallMs());
    const lane = table.find(deviceKey);
    for (const wrong of deviceClocks.wrong()) {
      if (wrong.device.key === deviceKey) {
        list.addWrongClock(wrong, deviceClocks.outOfWindow, lane?.waitingStates ?? 0);
      }
    }
    const held = [...heldApart.summaries()].find(({ device }) => device.key === deviceKey);
    const trouble = lane && troubleOf(lane, health.isUp);
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
      const trouble = troubleOf(lane, health.isUp);
      if (trouble !== undefined) list.addLane(lane, trouble);
      else this.#addPast(list, held.get(lane.device.key), lane.device.key, lane, nowMs);
      held.delete(lane.device.key);
    }
    for (const [deviceKey, past] of table.absent.all()) {
      this.#addPast(list, held.get(deviceKey), deviceKey, past, nowMs);
      held.delete(deviceKey);
    }
    for (const summary of held.values()) list.addHeld(summary, 0);
    return { known: table.size + table.absent.size, troubled: list.counts, listed: list.listed() };
  }

  /** The trouble of a device that can send, if it has one. */
  #addPast(list: TroubleList, held: HeldSummary | undefined, deviceKey: string, past: Past, nowMs: number): void {
    const { hearing, refusals, waitingStates = 0 } = past;
    if (refusals?.isTrouble(past.waitedMs?.(nowMs) ?? 0, nowMs) === true) {
      list.addRefused(deviceKey, refusals, waitingStates);
    } else if (held !== undefined) {
      list.addHeld(held, waitingStates);
    } else if (hearing.isSilent(nowMs)) {
      list.addSilent(deviceKey, hearing, waitingStates);
    }
  }
}

/** A lane, or what is remembered of a device without one. */
type Past = DevicePast & Partial<Pick<Lane, 'waitedMs' | 'waitingStates'>>;

/** While the whole cloud is down, what is held up by it alone is no trouble of the device. */
function troubleOf(lane: Lane, isCloudUp: boolean): LaneTrouble['kind'] | undefined {
  const kind = lane.isEmpty ? undefined : lane.trouble?.kind;
  if (kind === 'parked' || kind === undefined) return kind;
  // Failures of an outage count no more once the cloud is back.
  return isCloudUp && (kind === 'throttled' || lane.failures > 0) ? kind : undefined;
}

function deviceOf(deviceKey: string): Device {
  return new Device(deviceKey.slice(0, ID_DIGITS), deviceKey.slice(ID_DIGITS));
}

/** Counts all, and keeps the first of each kind. */
class TroubleList {
  readonly counts: Record<Trouble, number> = {
    wrong_clock: 0,
    parked: 0,
    throttled: 0,
    failing: 0,
    refused: 0,
    silent: 0,
  };
  readonly #kept: Record<Trouble, TroubledDevice[]> = {
    wrong_clock: [],
    parked: [],
    throttled: [],
    failing: [],
    refused: [],
    silent: [],
  };
  readonly #nowMs: number;
  readonly #nowWallMs: number;

  constructor(nowMs: number, nowWallMs: number) {
    this.#nowMs = nowMs;
    this.#nowWallMs = nowWallMs;
  }

  addWrongClock({ device, states, lastTimeMs, sinceMs }: WrongClock, outOfWindow: OutOfWindow, waiting: number): void {
    if (!this.#count('wrong_clock')) return;
    this.#kept.wrong_clock.push({
      device,
      trouble: 'wrong_clock',
      reason: WRONG_CLOCK_REASONS[outOfWindow],
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: undefined,
      waitingStates: waiting,
      wrongClock: { lastTimeMs, states },
    });
  }

  addLane(lane: Lane, trouble: LaneTrouble['kind']): void {
    if (!this.#count(trouble) || lane.trouble === undefined) return;
    const { reason, sinceMs } = lane.trouble;
    this.#kept[trouble].push({
      device: lane.device,
      trouble,
      reason,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: this.#nextTryMs(lane.holdUntilMs),
      waitingStates: lane.waitingStates,
    });
  }

  addRefused(deviceKey: string, { reason, sinceMs, inARow }: Refusals, waitingStates: number): void {
    if (!this.#count('refused')) return;
    this.#kept.refused.push({
      device: deviceOf(deviceKey),
      trouble: 'refused',
      reason: `the cloud refuses ${inARow > 1 ? `its states, the last ${inARow} without exception` : 'many of its states'}: ${reason}`,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: undefined,
      waitingStates,
    });
  }

  addHeld({ device, states, reason, sinceMs, nextTryMs }: HeldSummary, waitingStates: number): void {
    if (!this.#count('failing')) return;
    this.#kept.failing.push({
      device,
      trouble: 'failing',
      reason: `${states === 1 ? 'one of its states is' : `${states} of its states are`} ${reason}`,
      sinceMs: this.#wallMs(sinceMs),
      nextTryMs: this.#nextTryMs(nextTryMs),
      waitingStates,
    });
  }

  addSilent(deviceKey: string, hearing: Hearing, waitingStates: number): void {
    if (!this.#count('silent')) return;
    this.#kept.silent.push({
      device: deviceOf(deviceKey),
      trouble: 'silent',
      reason: 'nothing has come from it for longer than it used to pause',
      sinceMs: this.#wallMs(hearing.lastMs),
      nextTryMs: undefined,
      waitingStates,
    });
  }

  listed(): TroubledDevice[] {
    return Object.values(this.#kept).flat().slice(0, MAX_LISTED);
  }

  /** Returns whether there is room for it in the list. */
  #count(trouble: Trouble): boolean {
    this.counts[trouble]++;
    return this.counts[trouble] <= MAX_LISTED;
  }

  /** What is over and has not been followed by a try waits for the cloud, or for its turn. */
  #nextTryMs(holdUntilMs: number): number | undefined {
    return holdUntilMs > this.#nowMs && Number.isFinite(holdUntilMs) ? this.#wallMs(holdUntilMs) : undefined;
  }

  #wallMs(monotonicMs: number): number {
    return Math.round(this.#nowWallMs + monotonicMs - this.#nowMs);
  }
}
