import { pickUws } from '../../src/front/uws.js';

/** Whether tests run on the older of the two builds of uWebSockets.js (README, "The web server underneath"). */
export const IS_OLDER_WEB_SERVER = pickUws().name.includes('@20.30.');
