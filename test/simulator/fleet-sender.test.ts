import { expect, it } from 'vitest';
import { type Transport, timeFormOf, transportsOf } from '../../src/simulator/fleet-sender.js';

function count(transports: readonly Transport[]): Record<Transport, number> {
  const counts = { http: 0, ws: 0, mqtt: 0 };
  for (const transport of transports) counts[transport]++;
  return counts;
}

it('gives each way its share', () => {
  expect(count(transportsOf(100, { ws: 0.3, mqtt: 0.4 }))).toEqual({ http: 30, ws: 30, mqtt: 40 });
  expect(count(transportsOf(10, { ws: 0.3, mqtt: 0 }))).toEqual({ http: 7, ws: 3, mqtt: 0 });
  expect(count(transportsOf(7, { ws: 0, mqtt: 1 }))).toEqual({ http: 0, ws: 0, mqtt: 7 });
  expect(count(transportsOf(7, { ws: 0, mqtt: 0 }))).toEqual({ http: 7, ws: 0, mqtt: 0 });
});

it('spreads them over the fleet, so that a longer one begins with the shorter', () => {
  expect(transportsOf(6, { ws: 0.5, mqtt: 0 })).toEqual(['http', 'ws', 'http', 'ws', 'http', 'ws']);
  const long = transportsOf(1_000, { ws: 0.3, mqtt: 0.4 });
  for (let devices = 1; devices <= 1_000; devices += 37) {
    expect(transportsOf(devices, { ws: 0.3, mqtt: 0.4 })).toEqual(long.slice(0, devices));
    const { http, ws, mqtt } = count(long.slice(0, devices));
    expect(Math.abs(http - 0.3 * devices)).toBeLessThan(1.01);
    expect(Math.abs(ws - 0.3 * devices)).toBeLessThan(1.01);
    expect(Math.abs(mqtt - 0.4 * devices)).toBeLessThan(1.01);
  }
});

it('has devices of each way give their times in each form', () => {
  const transports = transportsOf(200, { ws: 0.3, mqtt: 0.4 });
  for (const way of ['http', 'ws', 'mqtt']) {
    const forms = new Set(transports.flatMap((transport, index) => (transport === way ? [timeFormOf(index)] : [])));
    expect(forms.size, way).toBe(5);
  }
  expect(Array.from({ length: 12 }, (_, index) => timeFormOf(index))).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 1, 2]);
});
