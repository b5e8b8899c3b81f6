import type { StoredDeadLetter } from '../../core/dead-letter.js';
import type { Device } from '../../core/device.js';
import { timeJson } from '../../state/time.js';

/** A state with its device and its time as it would be sent. */
export interface ExportedState {
  readonly device: Device;
  readonly timeMs: number;
  /** As it stands in a record. */
  readonly fragment: Uint8Array;
}

/** A state as a line of an export: `{"applicationId","deviceId","time","data",...}`. */
export function stateLine({ device, timeMs, fragment }: ExportedState): string {
  const ids = `{"applicationId":"${device.applicationId}","deviceId":"${device.deviceId}"`;
  return `${ids},"time":${timeJson(timeMs)},${Buffer.from(fragment).toString('utf8')}\n`;
}

/** The same of a dead letter, with what is known of it under `deadLetter`, which an import passes over. */
export function letterLine(letter: StoredDeadLetter): string {
  const { number, status, reason, refusedAtMs } = letter;
  const about = JSON.stringify({ number, status, reason, refusedAt: new Date(refusedAtMs).toISOString() });
  return `${stateLine(letter).slice(0, -'}\n'.length)},"deadLetter":${about}}\n`;
}
