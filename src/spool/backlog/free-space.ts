/** A run of bytes in a file. */
export interface Extent {
  readonly offset: number;
  readonly byteLength: number;
}

/** The unit of disk sectors: no two extents share one, so that a write cut off by a power failure harms its own extent alone. */
const UNIT_BYTES = 512;

interface Gap {
  offset: number;
  byteLength: number;
}

/** Which bytes of a file are free. Extents begin at whole units and take whole ones. */
export class FreeSpace {
  /** In order of offset, none touching the next, none at the end of the file. */
  readonly #gaps: Gap[] = [];
  #endBytes = 0;

  /** @param used extents that are taken, in any order; they may overlap, as those of damaged rows do */
  constructor(used: Iterable<Extent> = []) {
    const taken = [...used].sort((a, b) => a.offset - b.offset);
    for (const { offset, byteLength } of taken) {
      if (offset > this.#endBytes) this.#gaps.push({ offset: this.#endBytes, byteLength: offset - this.#endBytes });
      this.#endBytes = Math.max(this.#endBytes, offset + wholeUnits(byteLength));
    }
  }

  /** Behind the last extent that is taken. */
  get endBytes(): number {
    return this.#endBytes;
  }

  /** What is free of a file of `fileBytes`. */
  gapsWithin(fileBytes: number): Extent[] {
    const behind = { offset: this.#endBytes, byteLength: fileBytes - this.#endBytes };
    return [...this.#gaps.map((gap) => ({ ...gap })), ...(behind.byteLength > 0 ? [behind] : [])];
  }

  /** Takes the first room that is large enough. */
  take(byteLength: number): Extent {
    const needed = wholeUnits(byteLength);
    const index = this.#gaps.findIndex((gap) => gap.byteLength >= needed);
    const gap = this.#gaps[index];
    if (gap === undefined) {
      const offset = this.#endBytes;
      this.#endBytes += needed;
      return { offset, byteLength };
    }
    const { offset } = gap;
    gap.offset += needed;
    gap.byteLength -= needed;
    if (gap.byteLength === 0) this.#gaps.splice(index, 1);
    return { offset, byteLength };
  }

  /** Gives back what {@link FreeSpace.take} returned. */
  give(extent: Extent): void {
    const freed = { offset: extent.offset, byteLength: wholeUnits(extent.byteLength) };
    const index = this.#indexBehind(freed.offset);
    this.#gaps.splice(index, 0, freed);
    this.#join(index);
    if (index > 0) this.#join(index - 1);
    const last = this.#gaps.at(-1);
    if (last !== undefined && last.offset + last.byteLength === this.#endBytes) {
      this.#endBytes = last.offset;
      this.#gaps.pop();
    }
  }

  /** Index of the first gap behind `offset`. */
  #indexBehind(offset: number): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#gaps[middle] as Gap).offset > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Joins a gap with the next where they touch. */
  #join(index: number): void {
    const gap = this.#gaps[index] as Gap;
    const next = this.#gaps[index + 1];
    if (next === undefined || gap.offset + gap.byteLength < next.offset) return;
    gap.byteLength += next.byteLength;
    this.#gaps.splice(index + 1, 1);
  }
}

function wholeUnits(byteLength: number): number {
  return Math.ceil(byteLength / UNIT_BYTES) * UNIT_BYTES;
}
