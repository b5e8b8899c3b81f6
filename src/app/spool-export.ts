import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import type { Device } from '../core/device.js';
import type { SpoolStatus } from '../core/ports.js';
import { timeJson } from '../state/time.js';

/** What is exported from. */
export interface WaitingStates {
  status(): Promise<SpoolStatus>;
  /** Every waiting state, a device's own in order. */
  records(): Promise<Iterable<{ readonly device: Device; readonly timeMs: number; readonly fragment: Uint8Array }>>;
}

/** Lines gathered before they are written, so that a million states are not a million writes. */
const CHUNK_CHARACTERS = 65_536;

/**
 * Writes every waiting state as a line of JSON: `{"applicationId","deviceId","time","data",...}`, the time as it would be
 * sent. A bar on standard error shows how far it is, where that is a terminal.
 * @param file where to; standard output when undefined
 * @returns states written
 */
export async function exportWaiting(spool: WaitingStates, file: string | undefined): Promise<number> {
  const target: Writable = file === undefined ? process.stdout : createWriteStream(file, { mode: 0o600 });
  const bar = startBar((await spool.status()).states);
  let count = 0;
  let lines = '';
  for (const { device, timeMs, fragment } of await spool.records()) {
    const ids = `{"applicationId":"${device.applicationId}","deviceId":"${device.deviceId}"`;
    lines += `${ids},"time":${timeJson(timeMs)},${Buffer.from(fragment).toString('utf8')}\n`;
    count++;
    if (lines.length < CHUNK_CHARACTERS) continue;
    if (!target.write(lines)) await once(target, 'drain');
    lines = '';
    bar?.update(count);
  }
  target.write(lines);
  if (file !== undefined) {
    target.end();
    await finished(target);
  }
  bar?.update(count);
  bar?.stop();
  return count;
}

function startBar(total: number): SingleBar | undefined {
  if (!process.stderr.isTTY || total === 0) return undefined;
  const bar = new SingleBar({ format: '{bar} {value}/{total} states', stream: process.stderr, hideCursor: true });
  bar.start(total, 0);
  return bar;
}
