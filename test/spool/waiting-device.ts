import type { Device } from '../../src/core/device.js';
import type { Settlement } from '../../src/core/ports.js';

interface WaitingChunk {
  readonly sequence: number;
  readonly states: number;
  settled: number;
}

/** What a lane keeps of a device that a spool has to know of: which of its states wait, and what settling some of them says. */
export class WaitingDevice {
  readonly device: Device;
  readonly #chunks: WaitingChunk[] = [];

  constructor(device: Device) {
    this.device = device;
  }

  add(sequence: number, states: number): void {
    this.#chunks.push({ sequence, states, settled: 0 });
  }

  /** Settles the first `states` that wait, or as many as there are; undefined when none waits. */
  settle(states: number, sendsInWindow = 1): Settlement | undefined {
    let left = states;
    let watermark = { sequence: 0, states: 0 };
    const finishedSequences: number[] = [];
    for (let first = this.#chunks[0]; first !== undefined && left > 0; first = this.#chunks[0]) {
      const taken = Math.min(left, first.states - first.settled);
      first.settled += taken;
      left -= taken;
      if (first.settled < first.states) {
        watermark = { sequence: first.sequence, states: first.settled };
      } else {
        this.#chunks.shift();
        finishedSequences.push(first.sequence);
        watermark = { sequence: first.sequence + 1, states: 0 };
      }
    }
    if (left === states) return undefined;
    return { device: this.device, watermark, finishedSequences, states: states - left, sendsInWindow };
  }
}
