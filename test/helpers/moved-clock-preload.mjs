/**
 * Loaded into the proxy's process before its own code: a wall clock that is as far off as a file says, and another boot of
 * the machine where `MOVED_BOOT` names one. The monotonic clock stays what it is.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';
const { MOVED_CLOCK_FILE, MOVED_BOOT } = process.env;
const RealDate = Date;
const realReadFileSync = fs.readFileSync;

function offByMs() {
  return Number(realReadFileSync(MOVED_CLOCK_FILE, 'utf8'));
}

class MovedDate extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [MovedDate.now()] : parts));
  }

  static now() {
    return RealDate.now() + offByMs();
  }
}
globalThis.Date = MovedDate;

if (MOVED_BOOT !== undefined) {
  fs.readFileSync = (file, ...rest) => (file === BOOT_ID_FILE ? MOVED_BOOT : realReadFileSync(file, ...rest));
  syncBuiltinESMExports();
}
