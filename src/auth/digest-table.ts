/** Bytes of a digest, that of SHA-256. */
export const DIGEST_BYTES = 32;

const DIGEST_WORDS = DIGEST_BYTES / 4;
const FIRST_ROOM = 64;
const NONE = -1;

/**
 * Digests with a number each, in order of when each was last put. In typed arrays: two hundred thousand of them take 58
 * bytes each outside of V8's heap, where a map of texts takes 160 within it, which the collector goes through.
 *
 * A digest is told from others by its bytes, and found by the first four: no client can choose these, as it does not know
 * the key that digests are made with.
 */
export class DigestTable {
  readonly #most: number;
  #size = 0;
  /** Of rows, free ones included. */
  #room = 0;
  #words = new Uint32Array(0);
  #numbers = new Float64Array(0);
  /** Of each row the next in its bucket, or the next free one. */
  #following = new Int32Array(0);
  /** The neighbours of each row in order of when they were put. */
  #older = new Int32Array(0);
  #newer = new Int32Array(0);
  /** First row of each bucket; a power of two of them. */
  #buckets = new Int32Array(0);
  #oldest = NONE;
  #newest = NONE;
  #free = NONE;
  /** The digest that is looked for. */
  readonly #wanted = new Uint32Array(DIGEST_WORDS);
  readonly #wantedBytes = new Uint8Array(this.#wanted.buffer);

  /** @param most digests that it holds */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  has(digest: Uint8Array): boolean {
    return this.#find(digest) !== NONE;
  }

  /**
   * Puts a digest last, with its number.
   * @returns the digest that had to give way, the one put longest ago
   */
  put(digest: Uint8Array, number: number): Uint8Array | undefined {
    const known = this.#find(digest);
    if (known !== NONE) {
      this.#numbers[known] = number;
      this.#unlink(known);
      this.#linkNewest(known);
      return undefined;
    }
    const gone = this.#size >= this.#most ? this.#takeOldest() : undefined;
    if (this.#free === NONE) this.#grow();
    const row = this.#free;
    this.#free = at(this.#following, row);
    this.#words.set(this.#wanted, row * DIGEST_WORDS);
    this.#numbers[row] = number;
    this.#enter(row);
    this.#linkNewest(row);
    this.#size++;
    return gone;
  }

  /** @returns whether it was there */
  delete(digest: Uint8Array): boolean {
    const row = this.#find(digest);
    if (row === NONE) return false;
    this.#remove(row);
    return true;
  }

  /** Each digest with its number, the one put longest ago first. Those handed out may be removed meanwhile. */
  *entries(): Generator<readonly [digest: Uint8Array, number: number]> {
    for (let row = this.#oldest; row !== NONE; ) {
      const next = at(this.#newer, row);
      yield [this.#digestOf(row), this.#numbers[row] as number];
      row = next;
    }
  }

  #find(digest: Uint8Array): number {
    this.#wantedBytes.set(digest);
    if (this.#room === 0) return NONE;
    let row = at(this.#buckets, at(this.#wanted, 0) & (this.#buckets.length - 1));
    while (row !== NONE && !this.#isWanted(row)) row = at(this.#following, row);
    return row;
  }

  #isWanted(row: number): boolean {
    const start = row * DIGEST_WORDS;
    for (let word = 0; word < DIGEST_WORDS; word++) {
      if (this.#words[start + word] !== this.#wanted[word]) return false;
    }
    return true;
  }

  #digestOf(row: number): Uint8Array {
    const start = row * DIGEST_WORDS;
    return new Uint8Array(this.#words.slice(start, start + DIGEST_WORDS).buffer);
  }

  #takeOldest(): Uint8Array {
    const digest = this.#digestOf(this.#oldest);
    this.#remove(this.#oldest);
    return digest;
  }

  #remove(row: number): void {
    const bucket = this.#bucketOf(row);
    const next = at(this.#following, row);
    if (this.#buckets[bucket] === row) this.#buckets[bucket] = next;
    else {
      let before = at(this.#buckets, bucket);
      while (this.#following[before] !== row) before = at(this.#following, before);
      this.#following[before] = next;
    }
    this.#unlink(row);
    this.#following[row] = this.#free;
    this.#free = row;
    this.#size--;
  }

  #bucketOf(row: number): number {
    return at(this.#words, row * DIGEST_WORDS) & (this.#buckets.length - 1);
  }

  #enter(row: number): void {
    const bucket = this.#bucketOf(row);
    this.#following[row] = at(this.#buckets, bucket);
    this.#buckets[bucket] = row;
  }

  #linkNewest(row: number): void {
    this.#older[row] = this.#newest;
    this.#newer[row] = NONE;
    if (this.#newest === NONE) this.#oldest = row;
    else this.#newer[this.#newest] = row;
    this.#newest = row;
  }

  #unlink(row: number): void {
    const older = at(this.#older, row);
    const newer = at(this.#newer, row);
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  /** Twice the room, while all of it is taken. */
  #grow(): void {
    const before = this.#room;
    const room = Math.min(this.#most, Math.max(FIRST_ROOM, 2 * before));
    this.#words = grown(this.#words, new Uint32Array(room * DIGEST_WORDS));
    this.#numbers = grown(this.#numbers, new Float64Array(room));
    this.#following = grown(this.#following, new Int32Array(room));
    this.#older = grown(this.#older, new Int32Array(room));
    this.#newer = grown(this.#newer, new Int32Array(room));
    this.#room = room;
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(room))).fill(NONE);
    for (let row = 0; row < before; row++) this.#enter(row);
    for (let row = before; row < room; row++) this.#following[row] = row + 1 < room ? row + 1 : NONE;
    this.#free = before;
  }
}

/** Of a row or word that is there. */
function at(array: Int32Array | Uint32Array, index: number): number {
  return array[index] as number;
}

function grown<T extends Uint32Array | Int32Array | Float64Array>(before: T, after: T): T {
  after.set(before);
  return after;
}
