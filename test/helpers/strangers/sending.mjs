import { atPace } from './pace.mjs';

const PIECE = Buffer.alloc(65_536, ' ');

/** What a stranger has left to say of something large. */
export class Sending {
  #left = 0;

  get isUnderWay() {
    return this.#left > 0;
  }

  begin(bytes) {
    this.#left = bytes;
  }

  /** Sends a piece, where it would go out soon; how many bytes that were. */
  goOn(stranger) {
    if (this.#left === 0 || !stranger.isReady) return 0;
    const piece = PIECE.subarray(0, Math.min(PIECE.length, this.#left));
    this.#left -= piece.length;
    stranger.say(piece);
    return piece.length;
  }
}

/**
 * Lets the strangers of a crowd, each of whose manners has a `sending`, send by turns.
 * @returns ends it
 */
export function sendAtPace(crowd, bytesPerSecond) {
  let turn = 0;
  return atPace(bytesPerSecond, (most) => {
    let spent = 0;
    for (let tries = 0; tries < crowd.length && spent < most; tries++) {
      const stranger = crowd[turn++ % crowd.length];
      spent += stranger.manner.sending.goOn(stranger);
    }
    return spent;
  });
}
