/**
 * States for a victim with tokens that are genuine and not for it, each of which only the cloud's answer to that state
 * shows: they take requests of the victim's own rate.
 */
import { askAtPace } from './askers.mjs';
import { jsonRequest, statePath } from './forged.mjs';

const PER_SECOND = 20;
const MOST_CONNECTIONS = 200;

export const PROOFS = {
  name: 'proofs',
  start(world, tally) {
    const { victims, tokens } = world;
    let turn = 0;
    const nextRequest = () => {
      const victim = victims[turn++ % victims.length];
      return jsonRequest(statePath(victim), tokens.foreign[turn % tokens.foreign.length], '{"data":{"forged":1}}');
    };
    return askAtPace({ ...world, tally, perSecond: PER_SECOND, mostConnections: MOST_CONNECTIONS, nextRequest });
  },
};
