import { createHash } from 'node:crypto';

/**
 * Who is to have which partition, worked out by each replica for itself: those who see the same members come to the same
 * answer, and those who do not are kept apart by the ledgers. A member that comes or goes moves few partitions of others.
 *
 * Each partition goes to the member whose hash with it is the highest, of those that have fewer than their share.
 *
 * @param members ids, in any order
 * @returns the member of each partition; none where there are no members
 */
export function assign(partitions: number, members: readonly string[]): string[] {
  const share = Math.ceil(partitions / members.length);
  const counts = new Map<string, number>();
  const assigned: string[] = [];
  for (let partition = 0; partition < partitions && members.length > 0; partition++) {
    const free = members.filter((member) => (counts.get(member) ?? 0) < share);
    const best = free.reduce((one, other) => (isHigher(partition, other, one) ? other : one));
    counts.set(best, (counts.get(best) ?? 0) + 1);
    assigned.push(best);
  }
  return assigned;
}

function isHigher(partition: number, one: string, other: string): boolean {
  return weightOf(partition, one) > weightOf(partition, other);
}

/** No two members have the same. */
function weightOf(partition: number, member: string): string {
  return createHash('sha256').update(`${partition} ${member}`).digest('hex');
}
