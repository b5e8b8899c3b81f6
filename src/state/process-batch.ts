import { ID_BYTES } from '../core/device.js';
import { asStatewayError, StatewayError } from '../core/errors.js';
import type { Encoding } from '../core/ports.js';
import { isIgnored, type TimeRules } from '../core/time/cloud-window.js';
import {
  type BatchRequest,
  type BatchResult,
  ENTRY_BYTES,
  FLAG_EXTENDED,
  FLAG_MSGPACK,
  FLAG_NAMES_DEVICES,
  type Refusal,
} from './batch-layout.js';
import { decode } from './decode.js';
import { takeExtensions } from './extended-json.js';
import { fragmentOf, singleBodyBytes } from './fragment.js';
import { deviceIdOf, GatewayFrame } from './gateway-frame.js';
import { IgnoredTimesTally, outOfWindowError, withoutTime } from './ignored-times.js';
import { PlainJsonCopier } from './plain-json.js';
import { UNSTAMPED } from './record-layout.js';
import { StateList } from './state-list.js';
import { absoluteTime } from './time.js';
import { beginAboutPart, beginAboutState, bodyProblem, type DeviceState, findProblem, statesOf } from './validate.js';

/** UTF-8 takes at most three bytes for one unit of a string. */
const MAX_BYTES_PER_UNIT = 3;

/** Kept from batch to batch for its room; one per thread, as this module is. */
const list = new StateList();

/**
 * What a worker does with a micro-batch: decodes each body, validates it, makes its times absolute by its arrival, and
 * writes the journal record of all that is accepted. A body is accepted or refused whole. Throws nothing, whatever the
 * bodies hold.
 */
export function processBatch(request: BatchRequest): BatchResult {
  list.truncate(0);
  const batch = new Batch(request);
  const stateCounts = new Uint32Array(request.entryCount);
  const refusals: Refusal[] = [];
  let leftOut = 0;
  for (let entry = 0; entry < request.entryCount; entry++) {
    const before = list.count;
    try {
      const without = batch.takeEntry(entry);
      if (batch.hasIgnored(entry, before)) batch.judgeEntry(entry, before);
      leftOut += without;
      stateCounts[entry] = list.count - before;
    } catch (error) {
      list.truncate(before);
      refusals.push(refusalOf(entry, error));
    }
  }
  const { spare } = request;
  const ignoredTimes = batch.ignored.end(list);
  const grouped = list.toRecord(request.slotIds, spare);
  return {
    stateCounts,
    refusals,
    record: grouped?.record,
    chunkSlots: grouped?.chunkSlots ?? new Uint32Array(0),
    ignoredTimes,
    leftOut,
    entries: request.entries,
    bodies: request.bodies,
    spare: grouped?.record.buffer === spare ? undefined : spare,
  };
}

function refusalOf(entry: number, error: unknown): Refusal {
  const { code, message } = asStatewayError(error, 'STATEWAY_MALFORMED_BODY', 'the body cannot be read');
  return { entry, code: code as Refusal['code'], message };
}

/** Reads the tables of a request and takes its bodies into the list, one at a time. */
class Batch {
  readonly #entries: DataView;
  readonly #entrySlots: Uint32Array;
  readonly #slotIds: Buffer;
  readonly #bodies: Buffer;
  readonly #maxStateBytes: number;
  readonly #plainJson: PlainJsonCopier;
  readonly #times: TimeRules;
  /** Whether the entry being read has times that may not stay as they are. */
  #isStrict = false;
  readonly ignored = new IgnoredTimesTally();

  constructor(request: BatchRequest) {
    const { slotIds } = request;
    this.#entries = new DataView(request.entries);
    this.#entrySlots = request.entrySlots;
    this.#slotIds = Buffer.from(slotIds.buffer, slotIds.byteOffset, slotIds.byteLength);
    this.#bodies = Buffer.from(request.bodies);
    this.#maxStateBytes = request.maxStateBytes;
    this.#times = request.times;
    this.#plainJson = new PlainJsonCopier(list, this.#bodies, request.maxStateBytes);
  }

  /**
   * Adds the states of an entry to the list. On a StatewayError some may have been added; the caller takes them back.
   * @returns how many attributes were left out
   */
  takeEntry(entry: number): number {
    const at = entry * ENTRY_BYTES;
    const arrivalMs = this.#arrivalMs(entry);
    const start = this.#entries.getUint32(at + 8, true);
    const end = start + this.#entries.getUint32(at + 12, true);
    const firstSlot = this.#entries.getUint32(at + 16, true);
    const slotCount = this.#entries.getUint32(at + 20, true);
    const flags = this.#entries.getUint32(at + 24, true);
    const slot = this.#entrySlots[firstSlot] as number;
    if ((flags & ~FLAG_EXTENDED) === 0 && !this.#isStrict) {
      const before = list.count;
      if (this.#plainJson.copyBody(start, end, arrivalMs, slot)) return 0;
      list.truncate(before);
    }
    const encoding: Encoding = (flags & FLAG_MSGPACK) !== 0 ? 'msgpack' : 'json';
    const body = decode(encoding, this.#bodies.subarray(start, end));
    if ((flags & FLAG_EXTENDED) !== 0) return this.#takeExtended(body, arrivalMs, slot);
    if ((flags & FLAG_NAMES_DEVICES) === 0) this.#takeStates(body, statesIn(body), arrivalMs, slot);
    else
      this.#takeNamedStates(
        new GatewayFrame(body),
        arrivalMs,
        this.#entrySlots.subarray(firstSlot, firstSlot + slotCount),
      );
    return 0;
  }

  /** Whether the cloud ignores the time of one of the states from `firstState` on. */
  hasIgnored(entry: number, firstState: number): boolean {
    const arrivalMs = this.#arrivalMs(entry);
    for (let state = firstState; state < list.count; state++) {
      if (isIgnored(list.timeMs(state), arrivalMs, this.#times)) return true;
    }
    return false;
  }

  /**
   * Does with such an entry, which has been taken, as the rules have it.
   * @throws StatewayError where its states are refused; the caller takes them back
   */
  judgeEntry(entry: number, firstState: number): void {
    const { outOfWindow } = this.#times;
    this.ignored.add(list, firstState, this.#arrivalMs(entry), this.#times, outOfWindow !== 'refuse');
    if (outOfWindow === 'forward') return;
    list.truncate(firstState);
    this.#isStrict = true;
    try {
      this.takeEntry(entry);
    } finally {
      this.#isStrict = false;
    }
  }

  #arrivalMs(entry: number): number {
    return this.#entries.getFloat64(entry * ENTRY_BYTES, true);
  }

  #takeExtended(body: unknown, arrivalMs: number, slot: number): number {
    const { leftOut, emptied } = takeExtensions(body);
    this.#takeStates(body, statesIn(body), arrivalMs, slot, emptied);
    return leftOut;
  }

  /** @param emptied those that are checked, and not added */
  #takeStates(
    body: unknown,
    states: readonly unknown[],
    arrivalMs: number,
    slot: number,
    emptied?: ReadonlySet<unknown>,
  ): void {
    for (let i = 0; i < states.length; i++) {
      const index = states === body ? i : -1;
      const problem = findProblem(states[i], index, false);
      if (problem !== undefined) throw new StatewayError('STATEWAY_INVALID_STATE', problem);
      if (emptied?.has(states[i]) !== true) this.#addState(states[i] as DeviceState, index, arrivalMs, slot);
    }
  }

  #takeNamedStates(frame: GatewayFrame, arrivalMs: number, slots: Uint32Array): void {
    const slotOfDevice = this.#slotsByDevice(slots);
    for (let i = 0; i < frame.length; i++) {
      const state = frame.stateAt(i);
      const index = frame.indexOf(i);
      const deviceId = deviceIdOf(state);
      const slot = slotOfDevice.get(deviceId);
      if (slot === undefined) {
        const message = `${beginAboutPart(index)}deviceId: the token may not send state for device ${deviceId}`;
        throw new StatewayError('STATEWAY_NOT_GRANTED', message);
      }
      this.#addState(state, index, arrivalMs, slot);
    }
  }

  #slotsByDevice(slots: Uint32Array): Map<string, number> {
    const slotOfDevice = new Map<string, number>();
    for (const slot of slots) {
      const idAt = slot * 2 * ID_BYTES + ID_BYTES;
      slotOfDevice.set(this.#slotIds.toString('hex', idAt, idAt + ID_BYTES), slot);
    }
    return slotOfDevice;
  }

  #addState(state: DeviceState, index: number, arrivalMs: number, slot: number): void {
    const timeMs = absoluteTime(state.time, arrivalMs);
    if (this.#isStrict && isIgnored(timeMs, arrivalMs, this.#times)) {
      if (this.#times.outOfWindow === 'refuse') throw outOfWindowError(Math.floor(timeMs), index, this.#times);
      this.#addFragment(fragmentOf(withoutTime(state, this.#maxStateBytes)), arrivalMs + UNSTAMPED, index, slot);
    } else {
      this.#addFragment(fragmentOf(state), timeMs, index, slot);
    }
  }

  #addFragment(fragment: string, timeMs: number, index: number, slot: number): void {
    const start = list.byteLength;
    list.reserve(fragment.length * MAX_BYTES_PER_UNIT);
    const end = start + list.bytes.write(fragment, start, 'utf8');
    const bodyBytes = singleBodyBytes(end - start, timeMs);
    if (bodyBytes > this.#maxStateBytes) {
      const message = `${beginAboutState(index)}the state takes ${bodyBytes} bytes of JSON, at most ${this.#maxStateBytes} can be forwarded`;
      throw new StatewayError('STATEWAY_STATE_TOO_LARGE', message);
    }
    list.add(end, timeMs, slot);
  }
}

function statesIn(body: unknown): readonly unknown[] {
  const states = statesOf(body);
  if (states === undefined) throw new StatewayError('STATEWAY_INVALID_STATE', bodyProblem(body));
  return states;
}
