/**
 * Strangers, in a process of their own. It is sent the world they are in and which of them come; says `atWork` when each
 * attack has done what makes it one; and answers `leave` with what each of them counted.
 *
 * @typedef {{ applicationId: string, deviceId: string }} Target
 * @typedef {{
 *   port: number, adminPort: number, addresses: string[], form: 'short' | 'long',
 *   devices: Target[], victims: Target[], tokens: { readOnly: string[], foreign: string[] },
 * }} World `form`: which of the rates; an attack is also told whether it `isAlone`, at its full rate; `readOnly`: genuine, may read every device; `foreign`: genuine, of another application
 */
import { ADMIN_HEADS } from './attack-admin-heads.mjs';
import { LOG_IN_BODIES, STATE_BODIES } from './attack-bodies.mjs';
import { CACHE } from './attack-cache.mjs';
import { STREAMS_PASSED, UPLOADS_PASSED } from './attack-calls.mjs';
import { DEVICE_FRAMES, GATEWAY_FRAMES } from './attack-frames.mjs';
import { HEADS } from './attack-heads.mjs';
import { LOG_INS } from './attack-log-ins.mjs';
import { NAMED_DEVICES } from './attack-named-devices.mjs';
import { PROOFS } from './attack-proofs.mjs';
import { TOKENS } from './attack-tokens.mjs';
import { Tally } from './stranger.mjs';

const LOOK_EVERY_MS = 100;
const ATTACKS = [
  GATEWAY_FRAMES,
  DEVICE_FRAMES,
  HEADS,
  STATE_BODIES,
  LOG_IN_BODIES,
  TOKENS,
  NAMED_DEVICES,
  PROOFS,
  LOG_INS,
  UPLOADS_PASSED,
  STREAMS_PASSED,
  ADMIN_HEADS,
  CACHE,
];

let present = [];
let looking;

function come({ world, only }) {
  const isMeant = new RegExp(`^(?:${only})$`);
  const meant = ATTACKS.filter(({ name }) => isMeant.test(name));
  const isAlone = world.form === 'long' && meant.length === 1;
  present = meant.map(({ name, start }) => {
    const tally = new Tally();
    return { name, tally, stop: start({ ...world, isAlone }, tally) };
  });
  looking = setInterval(() => {
    if (!present.every(({ tally }) => tally.isAtWork)) return;
    clearInterval(looking);
    process.send('atWork');
  }, LOOK_EVERY_MS);
}

function leave() {
  clearInterval(looking);
  for (const { stop } of present) stop();
  process.send({ left: present.map(({ name, tally }) => ({ name, ...tally })) });
  present = [];
}

process.on('message', (message) => {
  if (message === 'leave') leave();
  else come(message);
});
process.on('disconnect', () => process.exit(0));
