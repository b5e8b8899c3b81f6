/** Log-ins that the cloud refuses: for devices that there are, and for ones that there are not. */
import { randomBytes } from 'node:crypto';
import { askAtPace } from './askers.mjs';
import { forgedId, jsonRequest } from './forged.mjs';

const PER_SECOND = { short: 30, long: 100 };
const MOST_CONNECTIONS = 200;

export const LOG_INS = {
  name: 'log-ins',
  start(world, tally) {
    const { devices, form } = world;
    let turn = 0;
    const nextRequest = () => {
      const deviceId = turn++ % 2 === 0 ? devices[turn % devices.length].deviceId : forgedId();
      const [key, secret] = [randomBytes(18).toString('hex'), randomBytes(32).toString('hex')];
      return jsonRequest('/auth/device', undefined, JSON.stringify({ deviceId, key, secret }));
    };
    return askAtPace({ ...world, tally, perSecond: PER_SECOND[form], mostConnections: MOST_CONNECTIONS, nextRequest });
  },
};
