import { describe, expect, it } from 'vitest';
import { askedBy } from './promql.js';

describe('an expression', () => {
  it.each([
    ['up', ['up'], []],
    ['rate(a_total[5m] offset 1h) > 0.5 * 3600', ['a_total'], []],
    ['sum by (pod, le) (rate(a_bucket[5m]))', ['a_bucket'], ['pod', 'le']],
    ['sum(a) without (pod)', ['a'], ['pod']],
    ['a:b and on (pod) c == 1 or absent(d)', ['a:b', 'c', 'd'], ['pod']],
    ['a / on (pod) group_left (node) b unless bool', ['a', 'b'], ['pod', 'node']],
    ['predict_linear(a[1h], 24 * 3600) > scalar(b)', ['a', 'b'], []],
    ['histogram_quantile(0.99, sum by (le) (rate(a{pod=~"$pod"}[$__rate_interval])))', ['a'], ['le']],
  ])('asks for its metrics and groups by its labels: %s', (expression, metrics, grouping) => {
    const asked = askedBy(expression);
    expect(asked.selectors.map(({ metric }) => metric)).toEqual(metrics);
    expect(asked.grouping).toEqual(grouping);
  });

  it('says which labels it asks for, and how', () => {
    expect(askedBy('a{code=~"5..|error", state = "parked"} > b').selectors).toEqual([
      {
        metric: 'a',
        matchers: [
          { label: 'code', operator: '=~', value: '5..|error' },
          { label: 'state', operator: '=', value: 'parked' },
        ],
      },
      { metric: 'b', matchers: [] },
    ]);
  });
});
