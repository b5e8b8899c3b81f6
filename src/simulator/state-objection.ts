import type { DeviceState } from '../state/validate.js';
import type { StateFault } from './cloud-faults.js';
import { CloudRefusal } from './cloud-http.js';

/** Why a body with this state is not taken: a refusal, or any other error where the connection breaks instead. */
export type Objection = (state: DeviceState) => Error | undefined;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const HASHES = 2 ** 32;

/** What these faults have against states; undefined where there are none. */
export function objectionOf(faults: readonly StateFault[]): Objection | undefined {
  if (faults.length === 0) return undefined;
  return (state) => {
    for (const fault of faults) {
      const reason = reasonAgainst(state, fault);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

function reasonAgainst({ data }: DeviceState, fault: StateFault): Error | undefined {
  if (fault.kind === 'refuse-share') {
    return isInShare(data, fault.share) ? refusal(fault.status, 'this state is refused') : undefined;
  }
  if (!Object.hasOwn(data, fault.attribute)) return undefined;
  return fault.kind === 'cut-attribute'
    ? new Error('cut for an attribute')
    : refusal(fault.status, `attribute "${fault.attribute}" is refused`);
}

/**
 * Whether a state with these attributes is of the part that is refused: it is decided by what it says, so that it stays
 * what it is however often and with whatever others it comes.
 * @param share 0 to 1
 */
export function isInShare(data: DeviceState['data'], share: number): boolean {
  // FNV-1a: cheap, and spread evenly enough for a share.
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(JSON.stringify(data))) hash = Math.imul(hash ^ byte, FNV_PRIME);
  return (mixed(hash) >>> 0) / HASHES < share;
}

/** The last bytes of what is hashed reach only the low bits; this brings them to the high ones, which decide. */
function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35);
  return twice ^ (twice >>> 16);
}

function refusal(status: number | undefined, message: string): CloudRefusal {
  if (status === undefined || status === 400) return new CloudRefusal(400, 'Validation', message);
  return new CloudRefusal(status, 'Simulated', message);
}
