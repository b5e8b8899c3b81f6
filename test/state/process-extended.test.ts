import { describe, expect, it } from 'vitest';
import { processOne, statesByDevice } from './batch.js';

describe('extended JSON', () => {
  const valuesOf = (body: string) => {
    const result = processOne({ body, extended: true });
    return {
      states: statesByDevice(result)
        .get(0)
        ?.map(({ json }) => JSON.parse(json)),
      ...result,
    };
  };

  it('loses its attributes without a value, which are counted, and keeps dates in ISO form', () => {
    const body = '{"data":{"a":1,"b":null,"c":{"$undefined":true},"d":{"$date":"2026-01-02T03:04:05Z"}}}';
    expect(valuesOf(body)).toMatchObject({
      states: [{ data: { a: 1, d: '2026-01-02T03:04:05.000Z' } }],
      leftOut: 2,
      refusals: [],
    });
  });

  it('is no state where nothing is left of one', () => {
    const { stateCounts, leftOut, record } = valuesOf('[{"data":{"a":null}},{"data":{"b":{"$undefined":true}}}]');
    expect([[...stateCounts], leftOut, record]).toEqual([[0], 2, undefined]);
    expect([...valuesOf('[{"data":{"a":null}},{"data":{"b":2}}]').stateCounts]).toEqual([1]);
  });

  it('is refused as any other for the rest, and counts nothing then', () => {
    for (const body of ['{"data":{"a":null,"b":[1]}}', '{"data":{"a":null},"time":[]}', '{"data":{"x":NaN}}', '1']) {
      const { refusals, leftOut } = valuesOf(body);
      expect([refusals.length, leftOut]).toEqual([1, 0]);
    }
  });

  it('is what a plain body is, where it is plain', () => {
    const body = '{"data":{"a":1,"b":"text"},"time":{"$date":"2026-01-02T03:04:05Z"}}';
    expect(statesByDevice(processOne({ body, extended: true }))).toEqual(statesByDevice(processOne({ body })));
  });

  it('of JSON that is not marked so is refused', () => {
    expect(processOne({ body: '{"data":{"a":null}}' }).refusals).toHaveLength(1);
  });
});
