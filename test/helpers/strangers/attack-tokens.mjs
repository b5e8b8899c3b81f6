/** Forged tokens over HTTP, each of them another one: for devices that there are, and for ones that there are not. */
import { askAtPace } from './askers.mjs';
import { forgedId, forgedToken, jsonRequest, statePath } from './forged.mjs';

/** The processor of one machine has to do for all attacks at once, and for whom they attack. */
const PER_SECOND = { short: 300, long: 500 };
const PER_SECOND_ALONE = 1_500;
const MOST_CONNECTIONS = 600;

export const TOKENS = {
  name: 'tokens',
  start(world, tally) {
    const { devices, form, isAlone } = world;
    const perSecond = isAlone ? PER_SECOND_ALONE : PER_SECOND[form];
    let turn = 0;
    const nextRequest = () => {
      const known = devices[turn++ % devices.length];
      const target = turn % 2 === 0 ? known : { ...known, deviceId: forgedId() };
      return jsonRequest(statePath(target), forgedToken(target.deviceId), '{"data":{"forged":1}}');
    };
    return askAtPace({ ...world, tally, perSecond, mostConnections: MOST_CONNECTIONS, nextRequest });
  },
};
