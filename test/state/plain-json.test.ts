import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlainJsonCopier } from '../../src/state/plain-json.js';
import { RecordView } from '../../src/state/record-layout.js';
import { StateList } from '../../src/state/state-list.js';
import { bodyJson, nearlyJson, plainBodyJson } from './arbitraries.js';
import { ARRIVAL_MS, deviceNumber } from './batch.js';
import { isAcceptable } from './schema-oracle.js';

/** The fragments that the short way writes for `text` in the midst of other bodies; undefined when it passes. */
function copy(text: string, behind = ' ]}"1,', maxStateBytes = 262_144): string[] | undefined {
  const body = Buffer.from(text);
  const source = Buffer.concat([Buffer.from('[{'), body, Buffer.from(behind)]);
  const before = Buffer.from(source);
  const list = new StateList();
  const isPlain = new PlainJsonCopier(list, source, maxStateBytes).copyBody(2, 2 + body.length, ARRIVAL_MS, 0);
  expect(source.equals(before)).toBe(true);
  if (!isPlain) return undefined;
  const record = list.toRecord(deviceNumber(0).idBytes)?.record;
  if (record === undefined) return [];
  const view = new RecordView(record);
  return Array.from({ length: view.stateCount }, (_, state) =>
    Buffer.from(record.subarray(view.fragmentStart(state), view.fragmentEnd(state))).toString(),
  );
}

describe('PlainJsonCopier', () => {
  const plain: [string, string[]][] = [
    [
      '{"data":{"t":21.50,"on":true,"off":false,"s":"ok","n":-0},"time":1767225600000}',
      ['"data":{"t":21.50,"on":true,"off":false,"s":"ok","n":-0}}'],
    ],
    ['{"time":1767225600,"data":{"__proto__":1}}', ['"data":{"__proto__":1}}']],
    ['[{"data":{"a":1}},{"data":{"a":2},"time":"2026-01-01"}]', ['"data":{"a":1}}', '"data":{"a":2}}']],
    [' \t\r\n{ "data" : { "a" : "b c" , "d" : 0 } }\n', ['"data":{"a":"b c","d":0}}']],
    ['{"data":{}}', ['"data":{}}']],
    ['[ ]', []],
  ];
  it.each(plain)('copies %s without its blanks', (text, fragments) => {
    expect(copy(text)).toEqual(fragments);
    expect(copy(text, '')).toEqual(fragments);
  });

  it.each([
    '{"data":{"a":"\\u0061"}}',
    '{"data":{"a":"é"}}',
    '{"data":{"a":1e5}}',
    '{"data":{},"meta":1}',
    '{"data":{},"data":{}}',
    '{"data":{},"time":1,"time":2}',
    '{"data":{},"time":{"$date":"2026-01-01"}}',
    `{"data":{"a":1${'0'.repeat(301)}}}`,
    '{"data":{"a":1}',
    '[{"data":{}}',
    '{"data":{"a":"open',
    '{"data":{"a":12',
    '',
    ' ',
  ])('leaves %s to the full decoder', (text) => {
    expect(copy(text)).toBeUndefined();
    expect(copy(text, '')).toBeUndefined();
    // As if the next body went on where this one breaks off.
    expect(copy(text, '"}}]')).toBeUndefined();
    expect(copy(text, '}]')).toBeUndefined();
  });

  it('leaves names and strings over the limits, and states too large, to the full decoder', () => {
    expect(copy(`{"data":{"${'x'.repeat(255)}":1}}`)).toHaveLength(1);
    expect(copy(`{"data":{"${'x'.repeat(256)}":1}}`)).toBeUndefined();
    expect(copy(`{"data":{"a":"${'x'.repeat(65_536)}"}}`)).toHaveLength(1);
    expect(copy(`{"data":{"a":"${'x'.repeat(65_537)}"}}`)).toBeUndefined();
    const forwarded = '[{"time":1767225600000,"data":{"a":1}}]'.length;
    expect(copy('{"data":{"a":1}}', '', forwarded)).toHaveLength(1);
    expect(copy('{"data":{"a":1}}', '', forwarded - 1)).toBeUndefined();
  });

  it('takes nothing that the schema or JSON.parse refuses, and changes no value', () => {
    let taken = 0;
    fc.assert(
      fc.property(
        fc.oneof(bodyJson, plainBodyJson, nearlyJson),
        fc.constantFrom('', ' ', '}', ']', '"}}', '{"data":{}}'),
        (text, behind) => {
          const fragments = copy(text, behind);
          if (fragments === undefined) return;
          taken++;
          const body = JSON.parse(text) as unknown;
          expect(isAcceptable(body)).toBe(true);
          const states = (Array.isArray(body) ? body : [body]) as { data: unknown }[];
          expect(fragments.map((fragment) => JSON.parse(`{${fragment}`) as unknown)).toStrictEqual(
            states.map(({ data }) => ({ data })),
          );
        },
      ),
      { numRuns: 10_000 },
    );
    expect(taken).toBeGreaterThan(2000);
  });
});
