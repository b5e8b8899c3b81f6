/** `good`: nothing to do. `watch`: look at it by day. `act`: somebody is needed now. */
export type Level = 'good' | 'watch' | 'act';

/** One thing to say to the operator. The worst is the verdict, the others are told beside it. */
export interface Remark {
  readonly level: Level;
  /** One sentence. */
  readonly sentence: string;
  /** What happens now: whole sentences. */
  readonly more: readonly string[];
  /** Section of the runbook that says what to do. */
  readonly runbook?: string;
  /** Whom it is about, where that can be named. */
  readonly devices?: ConcernedDevices;
}

/** Devices that a remark is about: the first few, and how many there are beside them. */
export interface ConcernedDevices {
  readonly ids: readonly string[];
  readonly others: number;
}

/** Devices that are named in one remark. */
const MOST_NAMED = 3;

/** @param all how many there are, where `ids` are only some of them */
export function concerned(ids: readonly string[], all = 0): { readonly devices?: ConcernedDevices } {
  const named = [...new Set(ids)];
  if (named.length === 0) return {};
  const first = named.slice(0, MOST_NAMED);
  return { devices: { ids: first, others: Math.max(all, named.length) - first.length } };
}
