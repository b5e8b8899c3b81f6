import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** Where Linux names the boot it runs in (`random(4)`): another one after each start of the machine. */
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';
const U32_MAX = 0xffff_ffff;

/**
 * A number for the boot of the machine that this process runs in, from 1 to 2^32 - 1. As long as it is the same,
 * {@link Clock.monotonicMs} of one process may be compared with that of another. Where a machine does not name its boots
 * every process is taken for one.
 */
export function readBootTag(): number {
  try {
    return crc32(readFileSync(BOOT_ID_FILE, 'latin1').trim()) || 1;
  } catch {
    return randomInt(1, U32_MAX);
  }
}
