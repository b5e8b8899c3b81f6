import type { KeyedStore } from '../../src/core/spool-ports.js';

/** A table that outlives the stages over it, and fails when it is told to. */
export class MemoryTable implements KeyedStore {
  readonly isShared: boolean = false;
  readonly rows = new Map<string, Uint8Array>();
  /** Writes so far. */
  writes = 0;
  isFull = false;
  isClosed = false;

  get isEmpty(): boolean {
    return this.rows.size === 0;
  }

  scan(visit: (key: string, value: Uint8Array) => void): void {
    for (const [key, value] of [...this.rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // As from a buffer that is used again.
      const copy = Uint8Array.from(value);
      visit(key, copy);
      copy.fill(0);
    }
  }

  get(key: string): Uint8Array | undefined {
    return this.rows.get(key);
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    this.#write();
    this.rows.set(key, value);
  }

  async remove(key: string): Promise<void> {
    this.#write();
    this.rows.delete(key);
  }

  onChange(): void {}

  async close(): Promise<void> {
    this.isClosed = true;
  }

  /** Keys of rows of a kind. */
  keysOf(prefix: string): string[] {
    return [...this.rows.keys()].filter((key) => key.startsWith(prefix));
  }

  #write(): void {
    if (this.isClosed) throw new Error('closed');
    if (this.isFull) throw new Error('no space left on device');
    this.writes++;
  }
}
