import { expect, it } from 'vitest';
import { StatewayError } from '../../../src/core/errors.js';
import { addCounts, takeCounts } from '../../../src/core/metering/meter-counts.js';
import { Meters } from '../../../src/core/metering/meters.js';

function counted(): Meters {
  const meters = new Meters();
  meters.received.http.accepted = 3;
  meters.received['mqtt-ws'].refused = 1;
  meters.mqtt.connects.accepted = 2;
  meters.refuse('websocket', new StatewayError('STATEWAY_OVERLOADED', 'busy'));
  meters.ackSeconds.observe(0.003, 2);
  meters.passedCalls.set('200', 5);
  meters.leftOut = 7;
  return meters;
}

it('moves what was counted from one to another, across threads, and counts it once', () => {
  const [from, to] = [counted(), counted()];
  addCounts(to, structuredClone(takeCounts(from)));
  addCounts(to, structuredClone(takeCounts(from)));
  expect(from).toEqual(Object.assign(new Meters(), { passedCalls: new Map([['200', 0]]) }));
  expect(to.received.http).toEqual({ accepted: 6, refused: 0, unavailable: 0 });
  expect(to.received.websocket.unavailable).toBe(2);
  expect(to.unavailable.get('STATEWAY_OVERLOADED')).toBe(2);
  expect(to.received['mqtt-ws'].refused).toBe(2);
  expect(to.mqtt.connects.accepted).toBe(4);
  expect(to.passedCalls.get('200')).toBe(10);
  expect(to.leftOut).toBe(14);
  const { count, sum, counts, bounds } = to.ackSeconds;
  expect({ count, sum, counts }).toEqual({
    count: 4,
    sum: 0.012,
    counts: Float64Array.from(counts, (_, i) => (i === 2 ? 4 : 0)),
  });
  expect(bounds).toEqual(new Meters().ackSeconds.bounds);
});

it('says nothing where nothing was counted, and adds a code that is new', () => {
  const meters = new Meters();
  expect(takeCounts(meters)).toEqual({});
  addCounts(meters, { passedCalls: new Map([['404', 1]]) });
  expect(meters.passedCalls).toEqual(new Map([['404', 1]]));
});
