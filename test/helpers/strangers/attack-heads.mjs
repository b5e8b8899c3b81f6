/** Heads that are never finished: sent at once but for their end, or a byte a second, or nothing said at all. */
import { statePath } from './forged.mjs';
import { crowdOf } from './stranger.mjs';

const SECOND_MS = 1_000;
const CONNECTIONS = { short: 200, long: 500 };
/** Below the 16 KiB that a head may have (contract 1.3). */
const HEAD_BYTES = 15_000;

export class UnfinishedHead {
  #said = 0;

  /** @param atOnce bytes of it that are said when it begins; the rest a byte a second */
  constructor(path, atOnce) {
    this.head = `GET ${path} HTTP/1.1\r\nHost: proxy\r\nX-Padding: `.padEnd(HEAD_BYTES, 'x');
    this.atOnce = atOnce;
  }

  onConnect(stranger) {
    this.#said = this.atOnce;
    if (this.atOnce > 0) stranger.say(this.head.slice(0, this.atOnce));
  }

  goOn(stranger) {
    if (this.atOnce > 0 && stranger.isReady && this.#said < this.head.length) stranger.say(this.head[this.#said++]);
  }
}

/**
 * Lets the strangers of a crowd, each of whose manners may `goOn`, do so once a second.
 * @returns ends it and them
 */
export function slowly(crowd) {
  const timer = setInterval(() => {
    for (const stranger of crowd) stranger.manner.goOn?.(stranger);
  }, SECOND_MS);
  return () => {
    clearInterval(timer);
    for (const stranger of crowd) stranger.close();
  };
}

export const HEADS = {
  name: 'heads',
  start(world, tally) {
    const path = statePath(world.devices[0]);
    const atOnce = [HEAD_BYTES, 1, 0];
    const mannerOf = (index) => new UnfinishedHead(path, atOnce[index % atOnce.length]);
    return slowly(crowdOf(CONNECTIONS[world.form], { ...world, tally }, mannerOf));
  },
};
