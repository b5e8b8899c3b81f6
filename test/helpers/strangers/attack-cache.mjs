/**
 * What might push grants out of the cache: forged tokens and ids, and many genuine tokens that may read a device and not
 * send for it. The cloud is away for a while meanwhile (`strangers.test.ts`), so that a grant that is gone stays gone.
 */
import { askAtPace } from './askers.mjs';
import { forgedId, forgedToken, jsonRequest, statePath } from './forged.mjs';

const PER_SECOND = { short: 100, long: 200 };
const MOST_CONNECTIONS = 400;

export const CACHE = {
  name: 'cache',
  start(world, tally) {
    const { devices, tokens, form } = world;
    let turn = 0;
    const nextRequest = () => {
      const known = devices[turn++ % devices.length];
      const unknown = { ...known, deviceId: forgedId() };
      const [target, token] =
        turn % 2 === 0
          ? [known, tokens.readOnly[turn % tokens.readOnly.length]]
          : [unknown, forgedToken(unknown.deviceId)];
      return jsonRequest(statePath(target), token, '{"data":{"forged":1}}');
    };
    return askAtPace({ ...world, tally, perSecond: PER_SECOND[form], mostConnections: MOST_CONNECTIONS, nextRequest });
  },
};
