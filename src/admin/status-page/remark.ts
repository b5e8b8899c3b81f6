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
}
