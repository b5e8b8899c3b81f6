/**
 * Bodies that are never finished, as many as fill the proxy's bound: of the largest size, all of it sent but the last
 * bytes, which trickle. States with forged tokens and with good ones of another device, and log-ins.
 */
import { forgedToken, jsonRequest, statePath } from './forged.mjs';
import { Sending, sendAtPace } from './sending.mjs';
import { crowdOf } from './stranger.mjs';

/** The largest that are taken, and as many strangers as fill the bound on all bodies that are under way. */
const STATES = { bytes: 262_144, connections: { short: 150, long: 300 } };
const LOG_INS = { bytes: 16_384, connections: { short: 200, long: 600 } };
/** They trickle for so many seconds. */
const LAST_BYTES = 600;
const BYTES_PER_SECOND = { short: 12 * 2 ** 20, long: 8 * 2 ** 20 };
const SECOND_MS = 1_000;

class UnfinishedBody {
  sending = new Sending();
  #last = 0;

  constructor(bytes, nextHead) {
    this.bytes = bytes;
    this.nextHead = nextHead;
  }

  onConnect(stranger) {
    this.sending.begin(this.bytes - LAST_BYTES);
    this.#last = LAST_BYTES - 1;
    stranger.say(this.nextHead());
  }

  trickle(stranger) {
    if (this.sending.isUnderWay || this.#last === 0 || !stranger.isReady) return;
    this.#last--;
    stranger.say(' ');
  }
}

function unfinishedBodies(world, tally, { bytes, connections }, headOf) {
  const mannerOf = (index) => new UnfinishedBody(bytes, headOf(index));
  const crowd = crowdOf(connections[world.form], { ...world, tally }, mannerOf);
  const stop = sendAtPace(crowd, BYTES_PER_SECOND[world.form]);
  const timer = setInterval(() => {
    for (const stranger of crowd) stranger.manner.trickle(stranger);
  }, SECOND_MS);
  return () => {
    stop();
    clearInterval(timer);
    for (const stranger of crowd) stranger.close();
  };
}

export const STATE_BODIES = {
  name: 'state-bodies',
  start(world, tally) {
    const { devices, tokens } = world;
    return unfinishedBodies(world, tally, STATES, (index) => {
      const target = devices[index % devices.length];
      const path = statePath(target);
      if (index % 2 === 0) return () => jsonRequest(path, forgedToken(target.deviceId), '', STATES.bytes);
      return () => jsonRequest(path, tokens.foreign[(index * 31) % tokens.foreign.length], '', STATES.bytes);
    });
  },
};
export const LOG_IN_BODIES = {
  name: 'log-in-bodies',
  start: (world, tally) =>
    unfinishedBodies(world, tally, LOG_INS, () => () => jsonRequest('/auth/device', undefined, '', LOG_INS.bytes)),
};
