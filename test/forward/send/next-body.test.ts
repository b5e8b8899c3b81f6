import { describe, expect, it } from 'vitest';
import { FirstPiece } from '../../../src/forward/send/next-body.js';
import { RecordView } from '../../../src/state/record-layout.js';
import { deviceOf } from '../harness.js';
import { pieceOf } from '../pieces.js';

describe('FirstPiece', () => {
  const record = pieceOf(deviceOf(1), [7, 8, 9]);

  it('waits from where it is settled to its end', () => {
    const piece = new FirstPiece({ sequence: 4, record, settledStates: 1 });
    expect(piece).toMatchObject({ sequence: 4, nextState: 1, endState: 3, states: 2 });
  });

  it('copies a record only where no view can be laid over it', () => {
    const times = [...new RecordView(record).times];
    const buffer = new Uint8Array(record.byteLength + 16);
    for (const [start, isCopied] of [
      [0, false],
      [1, true],
      [4, true],
      [8, false],
      [16, false],
    ] as const) {
      const bytes = buffer.subarray(start, start + record.byteLength);
      bytes.set(record);
      const { view } = new FirstPiece({ sequence: 4, record: bytes, settledStates: 0 });
      expect([start, view.bytes !== bytes, [...view.times]]).toEqual([start, isCopied, times]);
    }
  });
});
