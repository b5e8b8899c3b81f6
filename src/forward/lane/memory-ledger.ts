import type { RecordMemory } from '../../core/record-memory.js';
import type { RecordView } from '../../state/record-layout.js';
import { HeldBytes, type WaitingChunk } from './waiting-chunk.js';

// Measured on Node 20: 100,000 records of 134 bytes raise the resident memory by 1,130 bytes each (buffer, views, objects).
const BUFFER_OVERHEAD_BYTES = 1_000;
const CHUNK_OVERHEAD_BYTES = 80;
/** What stays of a record when its states are packed. */
const PACKED_CHUNK_OVERHEAD_BYTES = 100;

/**
 * What all lanes together hold: memory, and of the journal what cannot be trimmed on their account. Small records cost
 * several times their bytes, so the objects around them are counted too.
 */
export class MemoryLedger {
  readonly #recordMemory: RecordMemory | undefined;
  /** In memory: records as they came. */
  recordBytes = 0;
  /** In memory: packs and the objects of chunks. */
  otherBytes = 0;
  /** Bytes that the waiting states in `recordBytes` would take in bodies. */
  unpackedBytes = 0;
  /** In the journal on disk: chunks that are settled or in the backlog, of records kept for their other chunks. */
  slackBytes = 0;

  /** @param recordMemory where the memory of the intake's records goes when nothing stands in it any more */
  constructor(recordMemory?: RecordMemory) {
    this.#recordMemory = recordMemory;
  }

  get heldBytes(): number {
    return this.recordBytes + this.otherBytes;
  }

  /**
   * Memory for a record of which chunks are about to be added.
   * @param isReusable whether its buffer is nobody else's, and may be written to again when all chunks have left
   */
  newRecord(view: RecordView, isReusable: boolean): HeldBytes {
    return new HeldBytes(view, view.bytes.byteLength + BUFFER_OVERHEAD_BYTES, false, isReusable);
  }

  /** Memory for a pack of `chunks` chunks that are about to be moved there. */
  newPack(view: RecordView, chunks: number): HeldBytes {
    return new HeldBytes(view, this.packFootprint(view.bytes.byteLength, chunks), true, false);
  }

  /** What a pack of `chunks` chunks costs whose states take `bytes`. */
  packFootprint(bytes: number, chunks: number): number {
    return bytes + BUFFER_OVERHEAD_BYTES + chunks * PACKED_CHUNK_OVERHEAD_BYTES;
  }

  /** @param bytes that its waiting states take in a body */
  add(chunk: WaitingChunk, bytes: number): void {
    const { record } = chunk;
    // What is settled already keeps a place in the journal as soon as one chunk is not.
    this.slackBytes += record.openChunks === 0 ? record.chunkBytes * (record.chunkCount - 1) : -record.chunkBytes;
    record.openChunks++;
    this.otherBytes += CHUNK_OVERHEAD_BYTES;
    this.#enter(chunk.held, bytes);
  }

  /** A chunk is settled whole or in the backlog. */
  remove(chunk: WaitingChunk): void {
    const { record } = chunk;
    record.openChunks--;
    this.slackBytes += record.openChunks === 0 ? -record.chunkBytes * (record.chunkCount - 1) : record.chunkBytes;
    this.otherBytes -= CHUNK_OVERHEAD_BYTES;
    this.#leave(chunk.held);
  }

  /** States of a chunk are settled that take `bytes` in a body. */
  shrink(chunk: WaitingChunk, bytes: number): void {
    if (!chunk.held.isPack) this.unpackedBytes -= bytes;
  }

  /** A chunk's states, of `bytes` in a body, stand in a pack from now on. */
  move(chunk: WaitingChunk, pack: HeldBytes, nextState: number, bytes: number): void {
    this.shrink(chunk, bytes);
    this.#leave(chunk.held);
    chunk.moveTo(pack, nextState);
    this.#enter(pack, bytes);
  }

  #enter(held: HeldBytes, bytes: number): void {
    if (!held.isPack) this.unpackedBytes += bytes;
    held.openChunks++;
    if (held.openChunks > 1) return;
    if (held.isPack) this.otherBytes += held.footprint;
    else this.recordBytes += held.footprint;
  }

  #leave(held: HeldBytes): void {
    held.openChunks--;
    if (held.openChunks > 0) return;
    if (held.isPack) this.otherBytes -= held.footprint;
    else this.recordBytes -= held.footprint;
    if (held.isReusable) this.#recordMemory?.giveBack(held.view.bytes.buffer as ArrayBuffer);
  }
}
