import { expect } from 'vitest';
import { DiskHealth, LAST_RETRY_MS } from '../../../src/spool/disk/disk-health.js';
import type { Probe } from '../../../src/spool/disk/disk-probe.js';
import { FakeClock } from '../../helpers/fake-clock.js';

/** A disk that fails as the test says. */
export class ScriptedProbe implements Probe {
  /** What each call throws; undefined while all is well. */
  touching: unknown;
  place: unknown;
  proof: unknown;
  /** Calls so far. */
  touches = 0;
  looks = 0;
  proofs = 0;
  isClosed = false;

  touch(): void {
    this.touches++;
    if (this.touching !== undefined) throw this.touching;
  }

  assertInPlace(): void {
    this.looks++;
    if (this.place !== undefined) throw this.place;
  }

  look(): void {
    this.assertInPlace();
  }

  watch(): void {}

  async prove(): Promise<void> {
    this.proofs++;
    if (this.proof !== undefined) throw this.proof;
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A disk that never fails, for what is kept on it. */
export function wellDisk(clock = new FakeClock()): DiskHealth {
  return new DiskHealth({ clock, probe: new ScriptedProbe(), onFault: () => {}, onWell: () => {} });
}

/** Moves on to the next attempt at a disk that has a fault, and waits until it has succeeded. */
export async function wellAgain(clock: FakeClock, disk: Pick<DiskHealth, 'fault'>): Promise<void> {
  await clock.advance(LAST_RETRY_MS);
  await expect.poll(() => disk.fault).toBeUndefined();
}
