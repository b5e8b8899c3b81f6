import { beforeEach, describe, expect, it } from 'vitest';
import type { KnownDevice } from '../../src/admin/admin-sources.js';
import { deviceFacts, findDevices, lastStateJson, MOST_FOUND } from '../../src/admin/device-facts.js';
import { Device } from '../../src/core/device.js';
import { StatewayError } from '../../src/core/errors.js';
import { FakeSources } from './fake-sources.js';

const GUARDED = {
  showsValues: false,
  form: 'of the session',
  deadLetters: [{ status: 400, reason: 'no such attribute', letters: 3 }],
};
const APPLICATION = 'a'.repeat(24);

let sources: FakeSources;

beforeEach(() => {
  sources = new FakeSources();
});

function known(n: number, name?: string, changes: Partial<KnownDevice> = {}): KnownDevice {
  return {
    device: new Device(APPLICATION, n.toString(16).padStart(24, '0')),
    name,
    waitingStates: 0,
    waitingBytes: 0,
    sinceMs: undefined,
    heardMs: undefined,
    troubles: [],
    grants: [],
    connections: {},
    ...changes,
  };
}

const idOf = (n: number) => n.toString(16).padStart(24, '0');
const foundBy = (text: string) => findDevices(sources, text).listed.map(({ deviceId }) => deviceId);

describe('the search', () => {
  it('finds by any part of the id or the name, in any case, names first', () => {
    sources.known = [known(0xabc1), known(2, 'Pump north'), known(3, 'Boiler ABC')];
    expect(foundBy('ABC')).toEqual([idOf(3), idOf(0xabc1)]);
    expect(foundBy(' pump ')).toEqual([idOf(2)]);
    expect(foundBy('')).toEqual([idOf(3), idOf(2), idOf(0xabc1)]);
    expect(findDevices(sources, 'nothing')).toEqual({ found: 0, listed: [] });
  });

  it('lists the first of many, with what is the matter with them, and says how many there are', () => {
    sources.known = Array.from({ length: MOST_FOUND + 3 }, (_, n) => known(n + 1));
    const troubles = [
      {
        device: new Device(APPLICATION, idOf(1)),
        trouble: 'parked' as const,
        reason: 'no',
        sinceMs: 0,
        nextTryMs: undefined,
        waitingStates: 4,
      },
    ];
    sources.known[0] = known(1, undefined, { waitingStates: 4, heardMs: -1_500, troubles });
    const { found, listed } = findDevices(sources, '');
    expect([found, listed.length]).toEqual([MOST_FOUND + 3, MOST_FOUND]);
    expect(listed[0]).toEqual({
      applicationId: APPLICATION,
      deviceId: idOf(1),
      name: null,
      waitingStates: 4,
      lastStateAt: '2025-12-31T23:59:58.500Z',
      troubles: ['parked'],
    });
  });

  it('refuses what is longer than any name', () => {
    expect(() => findDevices(sources, 'x'.repeat(101))).toThrow(
      expect.objectContaining({ code: 'STATEWAY_BAD_QUERY', message: expect.stringContaining('100') }),
    );
  });
});

it('the view of a device has all that is known of it, but its values', () => {
  const confirmedAtMs = sources.startedAtMs;
  const grant = { kind: 'read', maySend: 'yes', confirmedAtMs, lapsesAtMs: confirmedAtMs + 60_000 } as const;
  sources.known = [
    known(7, 'Pump 7', {
      waitingStates: 3,
      waitingBytes: 99,
      sinceMs: -2_500,
      heardMs: -1_500,
      grants: [
        { ...grant, expiresAtMs: confirmedAtMs + 30_000 },
        { ...grant, expiresAtMs: Number.POSITIVE_INFINITY },
      ],
      connections: { websocket: 1 },
    }),
  ];
  const refused = { applicationId: APPLICATION, deviceId: idOf(7).toUpperCase(), address: '10.0.0.7', isKnown: true };
  sources.refusals.note(new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON'), refused);
  sources.refusals.note(new StatewayError('STATEWAY_MALFORMED_BODY', 'no'), { ...refused, deviceId: idOf(8) });
  expect(JSON.parse(JSON.stringify(deviceFacts(sources, idOf(7).toUpperCase(), GUARDED)))).toEqual({
    now: '2026-01-01T00:00:00.000Z',
    applicationId: APPLICATION,
    deviceId: idOf(7),
    name: 'Pump 7',
    waiting: { states: 3, bytes: 99, oldestSeconds: 2.5 },
    lastStateAt: '2025-12-31T23:59:58.500Z',
    troubles: [],
    refusals: [expect.objectContaining({ message: 'not JSON', count: 1 })],
    grants: [
      {
        kind: 'read',
        maySend: 'yes',
        confirmedAt: '2025-12-31T23:58:30.000Z',
        expiresAt: '2025-12-31T23:59:00.000Z',
        lapsesAt: '2025-12-31T23:59:30.000Z',
      },
      expect.objectContaining({ expiresAt: null }),
    ],
    connections: { websocket: 1 },
    isFollowed: false,
    ...GUARDED,
  });
});

it('a device that is not known is 404, and what is no id 400', () => {
  expect(() => deviceFacts(sources, idOf(1), GUARDED)).toThrow(expect.objectContaining({ status: 404 }));
  expect(() => lastStateJson(sources, 'pump')).toThrow(expect.objectContaining({ code: 'STATEWAY_INVALID_ID' }));
});

it('the last state has its values as the device wrote them', () => {
  sources.known = [known(7)];
  expect(JSON.parse(lastStateJson(sources, idOf(7)))).toEqual({ state: null });
  const fragment = Buffer.from('"data":{"n":1.0,"big":12345678901234567890},"meta":"x"}');
  sources.lastState = { timeMs: Date.UTC(2026, 0, 2), fragment };
  expect(lastStateJson(sources, idOf(7))).toBe(
    '{"state":{"time":"2026-01-02T00:00:00.000Z","data":{"n":1.0,"big":12345678901234567890},"meta":"x"}}\n',
  );
});
