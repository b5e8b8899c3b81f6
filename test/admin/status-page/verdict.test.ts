import { describe, expect, it } from 'vitest';
import type { LatestDeadLetter } from '../../../src/admin/status-page/status-shape.js';
import { type Changes, DAY, NOW, troubled, wordsOf } from './well-plant.js';

const FAILURE = {
  at: '2026-01-02T03:16:00.000Z',
  call: 'log-in',
  reason: 'dns',
  code: 'ENOTFOUND',
  words: 'ENOTFOUND: no such name',
  remedy: 'See the DNS server.',
} as const;

const OUTAGE = { cloud: { up: false, since: '2026-01-02T02:14:00.000Z' } } as const;

describe('all is well', () => {
  it('when states come and go', () => {
    expect(wordsOf({})).toEqual(['good', 'All is well.', 'The cloud takes states as they come.', '']);
  });

  it('when none has come yet', () => {
    const received = { http: { accepted: 0, refused: 0, unavailable: 0 } };
    expect(wordsOf({ received, spool: { states: 0 }, cloud: { since: null } })).toEqual([
      'good',
      'Ready, and no state has come yet.',
      'Devices may send now.',
      '',
    ]);
  });
});

it('claims nothing of a cloud that has not answered yet', () => {
  const cloud = { up: false, hasAnswered: false, since: null };
  expect(wordsOf({ cloud })).toEqual(['watch', 'The cloud has not answered yet.', 'It is being asked.', '']);
});

describe('an outage', () => {
  it('is told with since when, what waits, and how long there is room', () => {
    const spool = { states: 1_204_331, oldestSeconds: 3_780, growthBytesPerSecond: 1e4, fullInSeconds: 9.2 * DAY };
    expect(wordsOf({ ...OUTAGE, spool })).toEqual([
      'watch',
      'The cloud cannot be reached since 02:14 (1 h 3 min).',
      '1,204,331 states wait on this disk. Nothing is lost. There is room for about 9 days more at the present rate. ' +
        'It is tried again by itself.',
      '',
    ]);
  });

  it('is told with why the last call failed, and what to do', () => {
    const [, , more] = wordsOf({ cloud: { ...OUTAGE.cloud, lastFailure: FAILURE } });
    expect(more).toMatch(/^Its name is not found \(ENOTFOUND: no such name\)\. See the DNS server\. 12 states wait/);
  });

  it('needs somebody at once where the cloud has never answered and no device is known', () => {
    const never = { up: false, hasAnswered: false, lastFailure: FAILURE };
    expect(wordsOf({ cloud: never })).toEqual([
      'act',
      'The cloud has not answered since the start (1 d 3 h).',
      'Its name is not found (ENOTFOUND: no such name). See the DNS server. ' +
        'Until it does no device is known here, and each is told to send again later.',
      '',
    ]);
    const kept = { grants: 3, logIns: 0, unwritten: 0 };
    expect(wordsOf({ cloud: never, kept })[1]).toContain('The cloud cannot be reached');
  });

  it('needs somebody when there is room for less than a day', () => {
    const [level, , more] = wordsOf({ ...OUTAGE, spool: { fullInSeconds: DAY - 1 } });
    expect([level, more]).toEqual(['act', expect.stringContaining('room for about 24 hours more')]);
    expect(wordsOf({ ...OUTAGE, spool: { fullInSeconds: DAY } })[0]).toBe('watch');
  });

  it('makes no forecast before there is one', () => {
    expect(wordsOf(OUTAGE)[2]).toContain('How long there is room for will show within a minute.');
  });

  it('is not the worst of it when states are refused', () => {
    const full = { ...OUTAGE, ready: false, reason: 'spool full', spool: { bytes: 1e10 } } as unknown as Changes;
    expect(wordsOf(full)).toEqual([
      'act',
      'New states are refused: there is no room for more.',
      'What was acknowledged is safe. Devices are asked to keep their states and send them again. ' +
        'Room comes as the cloud takes what waits, or by raising STATEWAY_MAX_SPOOL_BYTES.',
      'The cloud cannot be reached since 02:14 (1 h 3 min).',
    ]);
  });

  it('that has filled the disk asks for space there', () => {
    const full = { ready: false, reason: 'spool full', spool: { freeDiskBytes: 1e6 } } as unknown as Changes;
    expect(wordsOf(full)[2]).toContain('or by freeing space on its disk.');
  });

  it('that is over is told while what waited is sent', () => {
    const spool = { states: 5_000, oldestSeconds: 3_900, bytes: 600_000, growthBytesPerSecond: -1_000 };
    const since = '2026-01-02T03:15:00.000Z';
    expect(wordsOf({ cloud: { since, hasBeenLost: true }, spool })).toEqual([
      'watch',
      'The cloud is back since 03:15 (2 min), and what waited is being sent.',
      '5,000 states to go, the oldest from 1 h 5 min ago. At the present rate that takes about 10 minutes.',
      '',
    ]);
    expect(wordsOf({ cloud: { since, hasBeenLost: false }, spool })[1]).toBe(
      'The cloud answers since 03:15 (2 min), and what waited is being sent.',
    );
  });
});

describe('dead letters', () => {
  const letter = (refusedAt: string, status: number): LatestDeadLetter => ({
    number: 1,
    applicationId: 'a',
    deviceId: 'd',
    time: NOW,
    refusedAt,
    status,
    reason: 'no',
  });
  const sentenceOf = (refusedAt: string, status = 400) =>
    wordsOf({ latestDeadLetters: [letter(refusedAt, status)] as never })[1];

  it('of the last hour are news', () => {
    expect(sentenceOf('2026-01-02T02:20:00.000Z')).toBe('The cloud has rejected states for good, the last at 02:20.');
    expect(sentenceOf('2026-01-02T02:20:00.000Z', 0)).toBe('States were given up, the last at 02:20.');
  });

  it('of a device that is told of as refused are no news beside that', () => {
    const listed = [{ trouble: 'refused', deviceId: 'd' }] as never;
    const latestDeadLetters = [letter(NOW, 400)] as never;
    const [, sentence, , also] = wordsOf({ ...troubled({ refused: 1 }, { listed }), latestDeadLetters });
    expect([sentence, also]).toEqual(['The cloud rejects what 1 device sends.', '']);
  });

  it('of before are not', () => {
    expect(sentenceOf('2026-01-02T02:16:00.000Z')).toBe('All is well.');
  });
});

it.each([
  ['starting', 'The proxy is starting.', 'watch'],
  ['draining', 'The proxy is stopping.', 'watch'],
  ['no room on the disk', 'New states are refused: no room on the disk.', 'act'],
])('says that it is %s', (reason, sentence, level) => {
  expect(wordsOf({ ready: false, reason } as unknown as Changes).slice(0, 2)).toEqual([level, sentence]);
});

describe('what is not taken from devices', () => {
  const rates = { refused: 0.1 };

  it('is told while it goes on, where they must change it', () => {
    const refusals = (at: string) => ({ recent: 1, listed: [{ at }] }) as never;
    expect(wordsOf({ rates, refusals: refusals('2026-01-02T03:16:10.000Z') }).slice(0, 2)).toEqual([
      'watch',
      'Devices send states that are refused.',
    ]);
    expect(wordsOf({ rates, refusals: refusals('2026-01-02T03:15:50.000Z') })[1]).toBe('All is well.');
  });

  it('is told with why, where they need only send it again', () => {
    const turnedAway = (code: string, at = NOW) => [{ code, at, message: 'too much waits', count: 3 }] as never;
    expect(wordsOf({ rates, turnedAway: turnedAway('STATEWAY_OVERLOADED') })).toEqual([
      'watch',
      'Devices are told to come again later (503).',
      'STATEWAY_OVERLOADED: too much waits. Nothing that was acknowledged is concerned.',
      '',
    ]);
    expect(wordsOf({ turnedAway: turnedAway('STATEWAY_OVERLOADED', '2026-01-02T03:15:50.000Z') })[1]).toBe(
      'All is well.',
    );
  });

  it('is told once: not beside a full spool, nor beside an outage', () => {
    const turnedAway = (code: string) => [{ code, at: NOW, message: 'no', count: 3 }] as never;
    const full = { ready: false, reason: 'spool full', turnedAway: turnedAway('STATEWAY_SPOOL_FULL') };
    expect(wordsOf(full as unknown as Changes)[3]).toBe('');
    expect(wordsOf({ ...OUTAGE, turnedAway: turnedAway('STATEWAY_CLOUD_UNREACHABLE') })[3]).toBe('');
    expect(wordsOf({ turnedAway: turnedAway('STATEWAY_CLOUD_UNREACHABLE') })[1]).toContain('come again');
  });
});

describe('damage on the disk', () => {
  const spool = { unreadableRecords: 1 };
  const DAMAGE = '1 record on this disk cannot be read.';

  it('calls for somebody', () => {
    expect(wordsOf({ spool }).slice(0, 2)).toEqual(['act', DAMAGE]);
  });

  it('comes before an outage, which takes nothing away', () => {
    const [level, sentence, more, also] = wordsOf({ ...OUTAGE, spool });
    expect([level, sentence]).toEqual(['act', DAMAGE]);
    expect(more).toContain('may have been acknowledged, and are not sent');
    expect(also).toContain('The cloud cannot be reached');
  });

  it('leaves no place to say that nothing is lost', () => {
    const short = { ...OUTAGE, spool: { ...spool, fullInSeconds: 60 } };
    const full = { ready: false, reason: 'spool full', spool };
    for (const changes of [{ ...OUTAGE, spool }, short, full]) {
      const words = wordsOf(changes as Changes).join(' ');
      expect(words).toContain(DAMAGE);
      expect(words).not.toMatch(/nothing is lost|is safe|all is well/i);
    }
  });
});
