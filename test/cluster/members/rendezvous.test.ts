import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign } from '../../../src/cluster/members/rendezvous.js';

const members = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 7 });

describe('who is to have which partition', () => {
  it('is the same in whatever order the members are named', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 40 }), (ids, partitions) => {
        expect(assign(partitions, [...ids].reverse())).toEqual(assign(partitions, ids));
      }),
    );
  });

  it('gives each partition to one, and nobody more than a share', () => {
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 40 }), (ids, partitions) => {
        const assigned = assign(partitions, ids);
        expect(assigned).toHaveLength(partitions);
        for (const id of ids) {
          const share = assigned.filter((member) => member === id).length;
          expect(share).toBeLessThanOrEqual(Math.ceil(partitions / ids.length));
        }
      }),
    );
  });

  it('is nobody without members', () => {
    expect(assign(12, [])).toEqual([]);
  });

  it('stays mostly the same for those who stay when one goes', () => {
    const three = ['a', 'b', 'c'].map((name) => name.repeat(32));
    const before = assign(120, three);
    const after = assign(120, three.slice(1));
    const moved = before.filter((member, partition) => member !== three[0] && member !== after[partition]);
    expect(moved.length).toBeLessThan(40);
  });
});
