import type { Grant } from '../../core/grant.js';

/** Good grants a lane remembers: the device's own token, that of a gateway, and each one's successor. */
const MAX_GRANTS = 4;
/** Of all lanes that have no older one: there may be a hundred thousand. Never changed. */
const NO_GRANTS: Grant[] = [];

/** The grants that the states of one lane may be sent by. */
export class LaneGrants {
  #newest: Grant | undefined = undefined;
  /** The others, oldest first. */
  #older: Grant[] = NO_GRANTS;

  /** Remembers a grant as the newest; the oldest gives way. @returns whether it is news */
  remember(grant: Grant): boolean {
    const before = this.#newest;
    if (before === grant) return false;
    const known = this.#older.indexOf(grant);
    if (known >= 0) this.#older.splice(known, 1);
    this.#newest = grant;
    if (before !== undefined) this.#keepOlder(before);
    return known < 0;
  }

  /**
   * The grant to send with: the newest that is good at wall-clock time `nowMs`, or else the newest, since a clock that is
   * wrong makes tokens look expired. Whether it is over the cloud says (contract 1.5). Ended ones are forgotten.
   */
  at(nowMs: number): Grant | undefined {
    while (this.#newest?.endedBy !== undefined) this.#newest = this.#older.pop();
    const newest = this.#newest;
    if (newest === undefined || newest.isGood(nowMs)) return newest;
    const older = this.#older;
    for (let index = older.length - 1; index >= 0; index--) {
      const grant = older[index] as Grant;
      if (grant.endedBy !== undefined) older.splice(index, 1);
      else if (grant.isGood(nowMs)) return grant;
    }
    return newest;
  }

  #keepOlder(grant: Grant): void {
    const older = this.#older;
    if (older.length === 0) this.#older = [grant];
    else older.push(grant);
    if (older.length >= MAX_GRANTS) older.shift();
  }
}
