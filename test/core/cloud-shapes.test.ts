import { expect, it } from 'vitest';
import { deviceNameOf, MAX_NAME_CHARACTERS } from '../../src/core/cloud-shapes.js';

it.each([
  ['Pump 7', 'Pump 7'],
  ['  Pump 7\n', 'Pump 7'],
  ['', undefined],
  ['   ', undefined],
  [7, undefined],
  [undefined, undefined],
  ['x'.repeat(255), 'x'.repeat(MAX_NAME_CHARACTERS)],
  // No half of a character.
  [`${'x'.repeat(MAX_NAME_CHARACTERS - 1)}🚰`, 'x'.repeat(MAX_NAME_CHARACTERS - 1)],
  [`${'x'.repeat(MAX_NAME_CHARACTERS - 2)}🚰`, `${'x'.repeat(MAX_NAME_CHARACTERS - 2)}🚰`],
])('a device called %j is %j here', (name, expected) => {
  expect(deviceNameOf({ name })).toBe(expected);
});
