import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { looksServed, servedPath } from '../../../src/front/http/request-path.js';
import { APPLICATION as A, DEVICE as D } from '../../helpers/front-harness.js';

/** Every character of a text as an escape. */
const escaped = (text: string): string => Buffer.from(text).toString('hex').replace(/../g, '%$&');

describe('a path that is served', () => {
  test.each([
    `/applications/${A}/devices/${D}/state`,
    `//applications/${A}/devices/${D}/state`,
    `/applications//${A}///devices/${D}/state//`,
    `/applications/${escaped(A)}/devices/${escaped(D)}/state`,
    `/%61pplications/${A}/devices/${D}/%73tate/`,
  ])('is that of a state: %s', (path) => {
    expect(servedPath(path)).toEqual({ kind: 'state', applicationId: A, deviceId: D });
  });

  test.each([`/applications/${A}/state`, `//applications/${escaped(A)}/state/`])('is for gateways: %s', (path) => {
    expect(servedPath(path)).toEqual({ kind: 'states', applicationId: A });
  });

  test.each(['/auth/device', '//auth//device/', '/auth/%64evice'])('is that of a log-in: %s', (path) => {
    expect(servedPath(path)).toEqual({ kind: 'log-in' });
  });

  test.each([
    ['no hexadecimal digits', 'nobody'],
    ['an escape that is decoded once only', '%2536'],
    ['an escape that is none', '%zz'],
    ['an escape that is no UTF-8', '%ff'],
  ])('is so too with an id that is none: %s', (_what, id) => {
    expect(servedPath(`/applications/${A}/devices/${id}/state`)?.kind).toBe('state');
  });
});

/** What is not served, and some server may take for what is. */
const LOOKING: readonly (readonly [path: string, kind: 'state' | 'log-in'])[] = [
  ...[
    `/Applications/${A}/devices/${D}/state`,
    `/APPLICATIONS/${A}/DEVICES/${D}/STATE`,
    `/applications/${A}/devices/${D}/State`,
    `/applications/${A}/./devices/${D}/state`,
    `/applications/${A}/devices/x/../${D}/state`,
    `/applications/${A}/devices//../${D}/state`,
    `/applications/${A}/devices/;/../${D}/state`,
    `/applications/${A}/devices/${D}/state/.`,
    `/applications/${A}/devices/${D}/state/x/..`,
    `/v1/../applications/${A}/devices/${D}/state`,
    `/applications/${A}/devices/${D}/%2e/state`,
    `/applications/${A}/devices/${D}/x%2f%2e%2e/state`,
    `/applications%2F${A}/devices/${D}/state`,
    `/applications/${A}/devices/${D}%2fstate`,
    `/applications/${A}%2F/devices/${D}/state`,
    `/applications/${A}/devices/${D}/%2573tate`,
    `/applications/${A}/devices/${D}%252Fstate`,
    `/applications/${A}/devices/${D}%252Fstate/%zz/..`,
    `/applications/${A}/devices/${D}/state;v=1`,
    `/applications;x/${A}/devices/${D}/state`,
    `/applications/${A}/devices/${D}/state%3Bv=1`,
    `/applications/${A}/devices/${D}/state%3Fa=b`,
    `/applications/${A}/devices/${D}/state%23a`,
    `/applications/${A}/devices/${D}/state%20`,
    `/applications/${A}/devices/${D}/state%00`,
    `/applications/${A}/devices/${D}/sta%09te`,
    `/applications/${A}/devices/${D}/state.json`,
    `/applications/${A}/devices/${D}/state.`,
    `/applications\\${A}\\devices\\${D}\\state`,
    `/applications%5C${A}/devices/${D}/state`,
    `/applications/${A}/devices/${D}/${encodeURIComponent('ſtate')}`,
  ].map((path) => [path, 'state'] as const),
  ...['/auth/Device', '/AUTH/device', '/auth/./device', '/auth/x/../device', '/auth%2Fdevice', '/auth/device;a=b'].map(
    (path) => [path, 'log-in'] as const,
  ),
];

describe('a path that some server may take for one of these', () => {
  test.each(LOOKING)('%s', (path, kind) => {
    expect(servedPath(path)).toBeUndefined();
    expect(looksServed(path)).toBe(kind);
  });

  test.each([
    '/',
    '//',
    '/me',
    '/auth',
    '/auth/user',
    '/auth/user/github',
    '/auth/devices',
    '/authx/device',
    '/x/auth/device',
    `/applications/${A}/state`,
    `/applications/${A}/devices`,
    `/applications/${A}/devices/${D}`,
    `/applications/${A}/devices/${D}/command`,
    `/applications/${A}/devices/${D}/states`,
    `/applications/${A}/devices/${D}/stateStream`,
    `/applications/${A}/devices/${D}/compositeState`,
    `/applications//devices/${D}/state`,
    `/applications/${A}/devices/${D}/state/x`,
    `/applications/${A}/files/../x`,
    '/%zz',
  ])('is not %s', (path) => {
    expect(servedPath(path)?.kind).not.toBe('state');
    expect(looksServed(path)).toBeUndefined();
  });

  test('whatever of it is escaped, and however often, a path of a state is served or looks like one', () => {
    const spelling = fc.tuple(
      fc.array(fc.boolean(), { minLength: 80, maxLength: 80 }),
      fc.integer({ min: 1, max: 4 }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(spelling, ([isEscaped, times, isUpper]) => {
        const plain = `/applications/${A}/devices/${D}/state`;
        let path = isUpper ? plain.toUpperCase() : plain;
        for (let time = 0; time < times; time++) {
          path = [...path].map((c, i) => (i > 0 && isEscaped[i % 80] ? escaped(c) : c)).join('');
        }
        expect(servedPath(path)?.kind ?? looksServed(path)).toBe('state');
      }),
    );
  });
});
