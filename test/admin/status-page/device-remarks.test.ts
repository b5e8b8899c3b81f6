import { describe, expect, it } from 'vitest';
import type { Status, Trouble } from '../../../src/admin/status-page/status-shape.js';
import { verdictOf } from '../../../src/admin/status-page/verdict.js';
import { type Changes, cause, plant, troubled, wordsOf } from './well-plant.js';

const OUTAGE = { cloud: { up: false, since: '2026-01-02T02:14:00.000Z' } } as const;

describe('devices', () => {
  it('of one kind of trouble are named by it, with the reason, and how many others deliver', () => {
    const causes = [cause('parked', 1, 'the cloud refuses its token (401)')];
    expect(wordsOf(troubled({ parked: 1 }, { causes, delivering: 12 }))).toEqual([
      'watch',
      '1 parked device cannot deliver.',
      'The cloud refuses its token (401). What it sends is kept on this disk. 12 others deliver.',
      '',
    ]);
  });

  it('of one cause have it told once', () => {
    const causes = [cause('parked', 20, 'the cloud refuses its token (401)')];
    expect(wordsOf(troubled({ parked: 20 }, { causes, delivering: 1 }))[2]).toBe(
      'All 20: the cloud refuses its token (401). What they send is kept on this disk. 1 other delivers.',
    );
  });

  it('of several kinds are counted, with the causes that most have', () => {
    const causes = [
      cause('parked', 990, 'one'),
      cause('parked', 10, 'two'),
      cause('failing', 3, 'x'.repeat(1_000)),
      cause('throttled', 2, 'four'),
    ];
    const [, sentence, more] = wordsOf(troubled({ parked: 1_000, throttled: 2, failing: 3 }, { causes }));
    expect(sentence).toBe('1,005 devices cannot deliver: 1,000 parked, 2 throttled, 3 failing.');
    expect(more).toMatch(
      /^990 parked: one\. 10 parked: two\. 3 failing: x{200}… The list below has other reasons\. What/,
    );
  });

  it('claim nothing of others where there are none, or the cloud is away', () => {
    expect(wordsOf(troubled({ parked: 1 }, { delivering: 0 }))[2]).not.toContain('other');
    const away = { ...OUTAGE, ...troubled({ parked: 1 }, { delivering: 0 }) };
    expect(wordsOf(away).join(' ')).not.toContain('other');
  });

  it('that are held up are the reason for an old state, and not an outage', () => {
    for (const kind of ['parked', 'refused'] as const) {
      const held = wordsOf({ ...troubled({ [kind]: 1 }), spool: { oldestSeconds: 9_999 } });
      expect(held).toEqual(wordsOf(troubled({ [kind]: 1 })));
    }
  });

  describe('of which none delivers need somebody at once', () => {
    const nothing = { delivering: 0, nothingDelivered: true };

    it('for one cause', () => {
      const causes = [cause('parked', 20, 'the cloud refuses STATEWAY_UPSTREAM_TOKEN (401)')];
      expect(wordsOf(troubled({ parked: 20 }, { ...nothing, known: 20, causes }))).toEqual([
        'act',
        'Nothing is delivered: all 20 devices are parked.',
        'All 20: the cloud refuses STATEWAY_UPSTREAM_TOKEN (401). What they send is kept on this disk.',
        '',
      ]);
    });

    it('for several', () => {
      const causes = [cause('parked', 18, 'one'), cause('refused', 1, 'two')];
      const [level, sentence, more] = wordsOf(troubled({ parked: 18, refused: 1 }, { ...nothing, known: 20, causes }));
      expect([level, sentence]).toEqual([
        'act',
        'Nothing is delivered: 19 devices are held up (18 parked, 1 rejected).',
      ]);
      expect(more).toBe('18 parked: one. 1 rejected: two. What they send is kept on this disk.');
    });

    it('if it is only one', () => {
      const causes = [cause('refused', 1, 'no such attribute (400)')];
      expect(wordsOf(troubled({ refused: 1 }, { ...nothing, known: 1, causes })).slice(1, 3)).toEqual([
        'Nothing is delivered: the only device is rejected.',
        'No such attribute (400). What it sends is kept on this disk.',
      ]);
    });

    it('not while the cloud is away, which is told in its place', () => {
      expect(wordsOf({ ...OUTAGE, ...troubled({ parked: 1 }, nothing) })[1]).toContain('cannot be reached');
    });
  });

  it('that are silent are told, unless states are refused anyway', () => {
    expect(wordsOf(troubled({ silent: 2 }))).toEqual([
      'watch',
      '2 devices have gone silent.',
      'See the list below.',
      '',
    ]);
    const draining = { ...troubled({ silent: 2 }), ready: false, reason: 'draining' } as unknown as Changes;
    expect(wordsOf(draining)[3]).toBe('');
  });

  it('whose states the cloud rejects are told', () => {
    const causes = [cause('refused', 1, 'no such attribute (400)')];
    expect(wordsOf(troubled({ refused: 1 }, { causes }))).toEqual([
      'watch',
      'The cloud rejects what 1 device sends.',
      'No such attribute (400). What it rejects is kept, and can be sent again. 3 others deliver.',
      '',
    ]);
  });

  it('in an outage come after it', () => {
    const [, sentence, , also] = wordsOf({ ...OUTAGE, ...troubled({ parked: 2, silent: 1 }) });
    expect(sentence).toContain('The cloud cannot be reached');
    expect(also).toBe('2 parked devices cannot deliver. 1 device has gone silent.');
  });
});

describe('a remark names the devices that it is about', () => {
  const listed = (trouble: Trouble, ...deviceIds: readonly string[]) =>
    deviceIds.map((deviceId) => ({ trouble, deviceId }) as Status['devices']['listed'][number]);
  const named = (changes: Changes) => {
    const { devices, also } = verdictOf(plant(changes), 'UTC');
    return [devices, ...also.map((remark) => remark.devices)];
  };

  it('and leads to each and to its section of the runbook', () => {
    const all = [...listed('parked', 'a'), ...listed('refused', 'b'), ...listed('silent', 'c')];
    const changes = troubled({ parked: 1, refused: 1, silent: 1 }, { listed: all });
    expect(named(changes)).toEqual(['a', 'b', 'c'].map((id) => ({ ids: [id], others: 0 })));
    const { runbook, also } = verdictOf(plant(changes), 'UTC');
    expect([runbook, ...also.map((remark) => remark.runbook)]).toEqual([
      'statewaydevicesparked',
      'statewaydeadlettersgrowing',
      'statewaysomedevicessilent',
    ]);
  });

  it('three of many, and says how many more there are, listed or not', () => {
    const changes = troubled({ wrong_clock: 120 }, { listed: listed('wrong_clock', 'a', 'b', 'c', 'd') });
    expect(named(changes)).toEqual([{ ids: ['a', 'b', 'c'], others: 117 }]);
  });

  it('of all kinds of trouble where nothing is delivered', () => {
    const all = [...listed('parked', 'a'), ...listed('silent', 'b'), ...listed('refused', 'c')];
    const changes = troubled({ parked: 1, refused: 1 }, { listed: all, nothingDelivered: true, delivering: 0 });
    expect(named(changes)[0]).toEqual({ ids: ['a', 'c'], others: 0 });
  });

  it('of dead letters those of the last hour, each once; of refusals those that have an id', () => {
    const letters = ['03:16', '03:15', '03:14', '01:00'].map((time) => `2026-01-02T${time}:00.000Z`);
    const latestDeadLetters = ['a', 'b', 'a', 'c'].map((deviceId, nth) => ({
      deviceId,
      refusedAt: letters[nth],
      status: 400,
    }));
    expect(named({ latestDeadLetters } as never)).toEqual([{ ids: ['a', 'b'], others: 0 }]);
    const refusals = { recent: 9, listed: ['', 'a'].map((deviceId) => ({ deviceId, at: letters[0] })) };
    expect(named({ refusals, rates: { refused: 1 } } as never)).toEqual([{ ids: ['a'], others: 8 }]);
  });

  it('none where it is about none', () => {
    expect(named({ ...OUTAGE, spool: { unreadableRecords: 1 } })).toEqual([undefined, undefined]);
  });
});

describe('devices with a wrong clock', () => {
  it('need somebody at once, since what they send is lost, whatever else there is', () => {
    const { devices } = troubled({ wrong_clock: 3, parked: 1 });
    expect(wordsOf({ ...OUTAGE, devices } as Changes)).toEqual([
      'act',
      '3 devices have a wrong clock, and what is sent is lost.',
      'The cloud ignores states of such times without a word. ' +
        'Set their clocks, or send no time. The list below names the time that each shows.',
      'The cloud cannot be reached since 02:14 (1 h 3 min). 1 parked device cannot deliver.',
    ]);
  });

  it('need somebody where they are refused, and can wait where they are stamped', () => {
    const { devices } = troubled({ wrong_clock: 1 });
    const told = (outOfWindowRule: Status['outOfWindowRule']) =>
      wordsOf({ devices, outOfWindowRule } as unknown as Changes).slice(0, 2);
    expect(told('refuse')).toEqual(['act', '1 device has a wrong clock, and what is sent is refused.']);
    expect(told('arrival')).toEqual([
      'watch',
      '1 device has a wrong clock; what is sent gets the time of its arrival.',
    ]);
  });
});
