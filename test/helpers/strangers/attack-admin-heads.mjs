/** Slow heads on the admin side, silent connections and viewers of the status page, by strangers who are back at once. */
import { slowly, UnfinishedHead } from './attack-heads.mjs';
import { crowdOf } from './stranger.mjs';

const CONNECTIONS = 150;
const COME_BACK_MS = { least: 50, most: 500 };

const VIEWER = { onConnect: (stranger) => stranger.say('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n') };

export const ADMIN_HEADS = {
  name: 'admin-heads',
  start({ adminPort, addresses }, tally) {
    const place = { port: adminPort, addresses, tally, comeBackMs: COME_BACK_MS };
    const manners = [() => new UnfinishedHead('/metrics', 1), () => new UnfinishedHead('/metrics', 0), () => VIEWER];
    return slowly(crowdOf(CONNECTIONS, place, (index) => manners[index % manners.length]()));
  },
};
