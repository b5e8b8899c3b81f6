/** What a replica says of itself, again and again. */
export interface Here {
  /** Of the process, another after each start: 32 hex digits. */
  readonly id: string;
  /** For people (`STATEWAY_NAME`). */
  readonly name: string;
  /** The newest layout of entries that it reads. */
  readonly layout: number;
  /** It wants no partitions any more. */
  readonly isLeaving: boolean;
  /** Partitions that it has. */
  readonly owned: readonly number[];
}

const ID_PATTERN = /^[\da-f]{32}$/;
/** A name is the host's, or an operator's: more is not shown. */
const MAX_NAME_LENGTH = 200;

export function encodeHere({ id, name, layout, isLeaving, owned }: Here): Uint8Array {
  return Buffer.from(JSON.stringify({ id, name, layout, isLeaving, owned }));
}

/** Undefined where it is none: whoever may publish to the servers can say anything. */
export function decodeHere(payload: Uint8Array): Here | undefined {
  let said: Partial<Record<keyof Here, unknown>>;
  try {
    said = JSON.parse(Buffer.from(payload).toString()) as typeof said;
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { id, name, layout, isLeaving, owned } = said;
  if (typeof id !== 'string' || !ID_PATTERN.test(id) || typeof name !== 'string') return undefined;
  if (!isCount(layout) || typeof isLeaving !== 'boolean' || !Array.isArray(owned)) return undefined;
  return { id, name: name.slice(0, MAX_NAME_LENGTH), layout, isLeaving, owned: owned.filter(isCount) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
