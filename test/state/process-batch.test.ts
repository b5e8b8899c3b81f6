import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../../src/state/batch-layout.js';
import { processBatch } from '../../src/state/process-batch.js';
import { RecordView, UNSTAMPED } from '../../src/state/record-layout.js';
import { absoluteTime, type StateTime } from '../../src/state/time.js';
import { bodyJson, HOSTILE_NAMES, nearlyJson, plainBodyJson } from './arbitraries.js';
import { ARRIVAL_MS, batchOf, deviceNumber, processOne, statesByDevice, statesOfOne, type TestEntry } from './batch.js';
import { pack } from './pack.js';
import { isAcceptable } from './schema-oracle.js';

const NONE = ARRIVAL_MS + UNSTAMPED;

type Body = Record<string, unknown>;

/** What is to be forwarded of a valid body, by its own JSON. */
function expectedStates(body: unknown, arrivalMs: number): { time: number; state: Body }[] {
  return ((Array.isArray(body) ? body : [body]) as Body[]).map(({ time, ...state }) => ({
    time: absoluteTime(time as StateTime | undefined, arrivalMs),
    state,
  }));
}

function refusalOf(entry: TestEntry, maxStateBytes?: number): Refusal {
  const result = processOne(entry, maxStateBytes === undefined ? {} : { maxStateBytes });
  expect(result.record).toBeUndefined();
  expect([...result.stateCounts]).toEqual([0]);
  expect(result.refusals).toHaveLength(1);
  return result.refusals[0] as Refusal;
}

describe('processBatch, one body', () => {
  it('forwards a state with its time made absolute by its arrival', () => {
    const result = processOne({ body: '{"data":{"t":21.5},"time":-600000}' });
    expect(statesOfOne(result)).toEqual([{ time: ARRIVAL_MS - 600_000, state: { data: { t: 21.5 } } }]);
    expect([...result.stateCounts]).toEqual([1]);
    expect([...result.chunkSlots]).toEqual([0]);
    expect(result.refusals).toEqual([]);
  });

  it('marks every state without a readable time as unstamped', () => {
    const body = '[{"data":{}},{"data":{},"time":"never"},{"data":{"e":1}},{"data":{},"time":1e300}]';
    expect(statesOfOne(processOne({ body })).map(({ time }) => time)).toEqual([NONE, NONE, NONE, NONE]);
  });

  it('accepts an empty array as nothing', () => {
    const result = processOne({ body: '[]' });
    expect(result).toMatchObject({ refusals: [], record: undefined, ignoredTimes: [] });
    expect([...result.stateCounts]).toEqual([0]);
    expect(result.chunkSlots).toHaveLength(0);
  });

  it('forwards every value exactly and in order, from JSON', () => {
    fc.assert(
      fc.property(fc.oneof(bodyJson, plainBodyJson), (body) => {
        const result = processOne({ body });
        expect(result.refusals).toEqual([]);
        const parsed = JSON.parse(Buffer.from(body).toString()) as unknown;
        expect(isDeepStrictEqual(statesOfOne(result), expectedStates(parsed, ARRIVAL_MS))).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it('forwards every value exactly and in order, from MessagePack', () => {
    fc.assert(
      fc.property(bodyJson, (json) => {
        // MessagePack holds UTF-8, which has no lone surrogates.
        fc.pre(!/\\u[dD]/.test(json) && json === Buffer.from(json).toString());
        const value = JSON.parse(json) as unknown;
        const result = processOne({ body: pack(value), msgpack: true });
        expect(result.refusals).toEqual([]);
        expect(isDeepStrictEqual(statesOfOne(result), expectedStates(value, ARRIVAL_MS))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps names of the prototype, and touches no prototype', () => {
    for (const name of HOSTILE_NAMES) {
      for (const meta of ['', ',"meta":{"__proto__":{"polluted":1}}']) {
        const body = `{"data":{"${name}":"kept"}${meta}}`;
        const [state] = statesByDevice(processOne({ body })).get(0) ?? [];
        expect(state?.json).toBe(body);
        const [packed] = statesByDevice(processOne({ body: pack(JSON.parse(body)), msgpack: true })).get(0) ?? [];
        expect(packed?.json).toBe(body);
      }
    }
    expect(({} as Body).polluted).toBeUndefined();
  });

  const refused: [string, string, Refusal['code'], RegExp][] = [
    ['no JSON', '{"data":', 'STATEWAY_MALFORMED_BODY', /not valid JSON/],
    ['an empty body', '', 'STATEWAY_MALFORMED_BODY', /is empty/],
    ['neither object nor array', '"data"', 'STATEWAY_INVALID_STATE', /^the body must be an object/],
    [
      'a null value',
      '[{"data":{}},{"data":{"temp":null}}]',
      'STATEWAY_INVALID_STATE',
      /^\[1\]\.data\.temp: a value must/,
    ],
    ['a number too large', '{"data":{"a":1e400}}', 'STATEWAY_INVALID_STATE', /^data\.a: the number does not fit/],
    ['a time too large', '{"data":{},"time":-1e400}', 'STATEWAY_INVALID_STATE', /^time: the number does not fit/],
    ['a meta too large', '{"data":{},"meta":[1e400]}', 'STATEWAY_INVALID_STATE', /^meta: holds a number/],
    [
      'a device id in an ordinary body',
      `{"data":{},"deviceId":"${'0'.repeat(24)}"}`,
      'STATEWAY_INVALID_STATE',
      /"deviceId"/,
    ],
    [
      'a deep meta',
      `{"data":{},"meta":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'STATEWAY_INVALID_STATE',
      /100 levels/,
    ],
    ['a body of brackets', '['.repeat(262_144), 'STATEWAY_MALFORMED_BODY', /ends too early/],
  ];
  it.each(refused)('refuses %s', (_, body, code, message) => {
    expect(refusalOf({ body })).toMatchObject({ entry: 0, code, message: expect.stringMatching(message) });
  });

  it('refuses MessagePack with its own words', () => {
    const deep = Buffer.concat([
      Buffer.from('82a46461746180a46d657461', 'hex'),
      Buffer.alloc(102, 0x91),
      Buffer.of(0xc0),
    ]);
    expect(refusalOf({ body: deep, msgpack: true }).message).toBe('meta: may nest at most 100 levels deep');
    expect(refusalOf({ body: Buffer.alloc(9000, 0x91), msgpack: true }).message).toMatch(/nests deeper/);
    expect(refusalOf({ body: '{"data":{}}', msgpack: true }).code).toBe('STATEWAY_MALFORMED_BODY');
  });

  it('refuses a state that alone would not fit a body for the cloud, to the byte', () => {
    const states = ['{"data":{"a":"xyz"}}', '{"data":{"a":"é\\u0001"},"meta":1}', '{"data":{"a":1},"time":5}'];
    for (const body of states) {
      const [{ time, json } = { time: 0, json: '' }] = statesByDevice(processOne({ body })).get(0) ?? [];
      const timeText = time < 1e11 ? `{"$date":"${new Date(time).toISOString()}"}` : `${Math.trunc(time)}`;
      const forwarded = Buffer.byteLength(`[{"time":${timeText},${json.slice(1)}]`);
      expect(processOne({ body }, { maxStateBytes: forwarded }).refusals).toEqual([]);
      expect(refusalOf({ body }, forwarded - 1)).toEqual({
        entry: 0,
        code: 'STATEWAY_STATE_TOO_LARGE',
        message: `the state takes ${forwarded} bytes of JSON, at most ${forwarded - 1} can be forwarded`,
      });
    }
    expect(refusalOf({ body: '[{"data":{}},{"data":{"a":"0123456789"}}]' }, 40).message).toMatch(
      /^\[1\]: the state takes 50/,
    );
  });
});

describe('processBatch, many bodies', () => {
  it('groups states by device in order of arrival, and answers for each body', () => {
    const entries: TestEntry[] = [
      { body: '{"data":{"n":1}}', devices: [2] },
      { body: '[{"data":{"n":2}},{"data":{"n":3}}]', devices: [0], arrivalMs: ARRIVAL_MS + 1 },
      { body: '[{"data":{"n":4}},{"data":{"n":null}}]', devices: [2] },
      { body: '[]', devices: [1] },
      { body: pack({ data: { n: 5 } }), devices: [2], msgpack: true, arrivalMs: ARRIVAL_MS + 2 },
      { body: '{"data":', devices: [0] },
    ];
    const result = processBatch(batchOf(entries, { slotCount: 4 }));
    expect([...result.stateCounts]).toEqual([1, 2, 0, 0, 1, 0]);
    expect(result.refusals.map(({ entry, code }) => [entry, code])).toEqual([
      [2, 'STATEWAY_INVALID_STATE'],
      [5, 'STATEWAY_MALFORMED_BODY'],
    ]);
    expect([...result.chunkSlots]).toEqual([2, 0]);
    expect([...statesByDevice(result)]).toEqual([
      [
        2,
        [
          { time: NONE, json: '{"data":{"n":1}}' },
          { time: NONE + 2, json: '{"data":{"n":5}}' },
        ],
      ],
      [
        0,
        [
          { time: NONE + 1, json: '{"data":{"n":2}}' },
          { time: NONE + 1, json: '{"data":{"n":3}}' },
        ],
      ],
    ]);
    expect(new RecordView(result.record as Uint8Array).chunkDevice(0)).toEqual(deviceNumber(2));
  });

  it('gives the buffers back unchanged, and new ones that share no memory', () => {
    const request = batchOf([{ body: '{"data":{"n":1}}' }, { body: '{"data":{"n":1}', devices: [1] }]);
    const bodies = Buffer.from(request.bodies.slice(0));
    const result = processBatch(request);
    expect(result.entries).toBe(request.entries);
    expect(result.bodies).toBe(request.bodies);
    expect(Buffer.from(result.bodies)).toEqual(bodies);
    const { record, stateCounts, chunkSlots } = result;
    const buffers = [record, stateCounts, chunkSlots].map((array) => (array as Uint8Array).buffer);
    expect(new Set([...buffers, request.bodies, request.entries]).size).toBe(5);
    expect(record?.byteOffset).toBe(0);
    expect(record?.byteLength).toBe(record?.buffer.byteLength);
  });

  it('takes a body only from its own bytes', () => {
    const bodies = [
      '{"data":{"a":1',
      '}}',
      '[{"data":{}},',
      '{"data":{}}]',
      '   ',
      '{"data":{"a":"',
      '"}}',
      '{"data":{}}',
    ];
    const result = processBatch(batchOf(bodies.map((body) => ({ body }))));
    expect([...result.stateCounts]).toEqual([0, 0, 0, 0, 0, 0, 0, 1]);
    expect(result.refusals.every(({ code }) => code === 'STATEWAY_MALFORMED_BODY')).toBe(true);
  });

  it('accepts what the schema accepts, whole or not at all, each device with its own', () => {
    const entry = fc.record({ body: fc.oneof(bodyJson, plainBodyJson, nearlyJson), device: fc.nat({ max: 5 }) });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 8 }), (list) => {
        const result = processBatch(
          batchOf(
            list.map(({ body, device }) => ({ body, devices: [device] })),
            { slotCount: 6 },
          ),
        );
        const expected = new Map<number, unknown[]>();
        list.forEach(({ body, device }, number) => {
          const value = parsed(body);
          const isRefused = result.refusals.some((refusal) => refusal.entry === number);
          expect([body, isRefused]).toEqual([body, !isAcceptable(value)]);
          const states = isRefused ? [] : expectedStates(value, ARRIVAL_MS);
          expect(result.stateCounts[number]).toBe(states.length);
          if (states.length > 0) expected.set(device, [...(expected.get(device) ?? []), ...states]);
        });
        const actual = [...statesByDevice(result)].map(([device, states]) => [
          device,
          states.map(({ time, json }) => ({ time, state: JSON.parse(json) as unknown })),
        ]);
        expect(isDeepStrictEqual(actual, [...expected])).toBe(true);
        expect([...result.chunkSlots]).toEqual([...expected.keys()]);
      }),
      { numRuns: 2000 },
    );
  });

  it('throws on no bytes', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.tuple(bodyJson, fc.boolean(), fc.nat(), fc.nat({ max: 255 })).map(([json, packs, at, byte]) => {
        const body = packs ? pack(JSON.parse(json)) : Buffer.from(json);
        body[at % body.length] = byte;
        return body;
      }),
    );
    const entry = fc.record({ body: bytes, msgpack: fc.boolean(), namesDevices: fc.boolean() });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), (entries) => {
        const { stateCounts, refusals, record } = processBatch(batchOf(entries));
        for (const { entry: number, message } of refusals) {
          expect(stateCounts[number]).toBe(0);
          expect(message).toMatch(/^[\x20-\x7e]{10,300}$/);
        }
        const states = stateCounts.reduce((sum, count) => sum + count, 0);
        expect(record === undefined ? 0 : new RecordView(record).stateCount).toBe(states);
      }),
      { numRuns: 3000 },
    );
  });
});

function parsed(body: string): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch {
    return undefined;
  }
}
