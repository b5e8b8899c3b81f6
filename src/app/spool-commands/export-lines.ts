import type { StoredDeadLetter } from '../../core/dead-letter.js';
import { Device, isId } from '../../core/device.js';
import { asStatewayError, StatewayError } from '../../core/errors.js';
import { isOutOfWindow } from '../../core/time/cloud-window.js';
import type { LooseState } from '../../state/backlog-piece.js';
import { decodeJson } from '../../state/decode.js';
import { fragmentOf, singleBodyBytes } from '../../state/fragment.js';
import { absoluteTime, timeJson } from '../../state/time.js';
import { isNoState } from '../../state/unreadable-payload.js';
import { type DeviceState, findProblem } from '../../state/validate.js';

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

/** A state as a line of an export has it. */
export interface ImportedState extends LooseState {
  readonly device: Device;
  /** Whether the cloud will ignore it for its time. */
  readonly isOutOfWindow: boolean;
  /** Whether it is a dead letter of what was no state. */
  readonly isNoState: boolean;
}

/**
 * Reads a line that `spool export` wrote, or somebody else in its form: `{"applicationId","deviceId","time","data",...}`.
 * @param maxStateBytes of its JSON for the cloud (`STATEWAY_MAX_BODY_BYTES`)
 * @throws StatewayError that says what is wrong with the line
 */
export function parseLine(line: Uint8Array, nowMs: number, maxStateBytes: number): ImportedState {
  const decoded = decodeLine(line);
  // What a dead letter was refused for belongs to no state.
  const { applicationId, deviceId, deadLetter, ...state } = decoded;
  for (const [name, id] of Object.entries({ applicationId, deviceId })) {
    if (typeof id !== 'string' || !isId(id)) refuse(`${name}: must be 24 hexadecimal digits`);
  }
  if ('state' in state)
    refuse('this is a line of `spool dead-letters --json`; `spool export --dead-letters` writes what can be read back');
  const problem = findProblem(state, -1, false);
  if (problem !== undefined) refuse(problem);
  const checked = state as unknown as DeviceState;
  const { time } = checked;
  const timeMs = time === undefined || (typeof time === 'number' && time < 0) ? Number.NaN : absoluteTime(time, 0);
  if (!Number.isInteger(timeMs)) refuse('time: must say when the state is of, by itself');
  const fragment = Buffer.from(fragmentOf(checked), 'utf8');
  if (singleBodyBytes(fragment.byteLength, timeMs) > maxStateBytes) {
    refuse(`the state takes more than the ${maxStateBytes} bytes of STATEWAY_MAX_BODY_BYTES`);
  }
  const device = new Device(applicationId as string, deviceId as string);
  const status = (deadLetter as { status?: unknown } | null | undefined)?.status;
  return {
    device,
    timeMs,
    fragment,
    isOutOfWindow: isOutOfWindow(timeMs, nowMs),
    isNoState: status === 0 && isNoState({ status, fragment }),
  };
}

function decodeLine(line: Uint8Array): Readonly<Record<string, unknown>> {
  let decoded: unknown;
  try {
    decoded = decodeJson(line);
  } catch (error) {
    throw asStatewayError(error, 'STATEWAY_MALFORMED_BODY', 'the line cannot be read');
  }
  if (typeof decoded !== 'object' || decoded === null || Array.isArray(decoded)) refuse('must be a JSON object');
  return decoded as Readonly<Record<string, unknown>>;
}

function refuse(why: string): never {
  throw new StatewayError('STATEWAY_INVALID_STATE', why);
}
