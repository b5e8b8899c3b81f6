import type { HeldBounds } from '../../core/bounds.js';

/** A connection that has not been accepted: it has said nothing yet, is being checked, or is held before its refusal. */
export interface StrangerLine {
  readonly address: string;
  /** Others want its place. */
  giveWay(): void;
}

/**
 * The connections that have not been accepted (contract 1.4). Each takes a socket and the bytes of a CONNECT, so their
 * number is bounded, in all and by address; where there is no room, the one that has stood longest gives way: a device
 * that is known says so at once, and is none of them a moment later.
 */
export class StrangerLines {
  readonly #bounds: HeldBounds;
  /** By address, the one that has stood longest first. */
  readonly #byAddress = new Map<string, Set<StrangerLine>>();
  readonly #lines = new Set<StrangerLine>();
  /** Those of them that have said nothing, the one that has stood longest first. */
  readonly #silent = new Set<StrangerLine>();

  constructor(bounds: HeldBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#lines.size;
  }

  /** So many of one address. */
  get mostOfOne(): number {
    return this.#bounds.each;
  }

  add(line: StrangerLine): void {
    const ofAddress = this.#byAddress.get(line.address) ?? new Set();
    this.#byAddress.set(line.address, ofAddress);
    if (ofAddress.size >= this.#bounds.each) this.#makeRoom(ofAddress);
    if (this.#lines.size >= this.#bounds.all) this.#makeRoom(this.#lines);
    ofAddress.add(line);
    this.#byAddress.set(line.address, ofAddress);
    this.#lines.add(line);
  }

  /** As {@link StrangerLines.add}, of a connection that has said nothing until {@link StrangerLines.heard}. */
  addSilent(line: StrangerLine): void {
    this.add(line);
    this.#silent.add(line);
  }

  /** Its CONNECT has come. */
  heard(line: StrangerLine): void {
    this.#silent.delete(line);
  }

  /**
   * The connection that has been silent longest gives way, if there is one beside the newcomer. Not one that is held: its
   * client would be back at once (contract 1.9.2).
   */
  silentGivesWay(newcomer: StrangerLine): boolean {
    for (const line of this.#silent) {
      if (line === newcomer) continue;
      this.remove(line);
      line.giveWay();
      return true;
    }
    return false;
  }

  /** It has been accepted, or is gone. */
  remove(line: StrangerLine): void {
    this.#lines.delete(line);
    this.#silent.delete(line);
    const ofAddress = this.#byAddress.get(line.address);
    ofAddress?.delete(line);
    if (ofAddress?.size === 0) this.#byAddress.delete(line.address);
  }

  #makeRoom(lines: ReadonlySet<StrangerLine>): void {
    for (const line of lines) {
      this.remove(line);
      line.giveWay();
      return;
    }
  }
}
