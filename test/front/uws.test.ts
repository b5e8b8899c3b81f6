import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { pickUws, type UwsModule } from '../../src/front/uws.js';

const NATIVE_COMPAT = `uws-compat/binaries/uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;

/** Loads from a table, as `require` would, and notes what it was asked for. */
function scriptedLoader(table: Readonly<Record<string, unknown>>) {
  const asked: string[] = [];
  const load = (id: string): unknown => {
    asked.push(id);
    if (id in table) return table[id];
    throw new Error(`Cannot find module '${id}'\nRequire stack:\n- nowhere`);
  };
  return Object.assign(load, { asked, resolve: (id: string) => `/modules/${id}/main.js` });
}

/** A module that can be told from another. */
const moduleCalled = (name: string) => ({ App: name }) as unknown as UwsModule;

describe('pickUws', () => {
  test('prefers the official package', () => {
    const load = scriptedLoader({
      'uWebSockets.js': moduleCalled('official'),
      '/modules/uWebSockets.js/package.json': { name: 'uWebSockets.js', version: '20.51.0' },
      'uws-current': moduleCalled('current'),
      [NATIVE_COMPAT]: moduleCalled('compat'),
    });
    expect(pickUws(load)).toEqual({ uws: { App: 'official' }, name: 'uWebSockets.js@20.51.0' });
    expect(load.asked).not.toContain('uws-current');
  });

  test('takes the newer republication where the official one is not installed', () => {
    const load = scriptedLoader({
      'uws-current': moduleCalled('current'),
      '/modules/uws-current/package.json': { name: '@btc-vision/uwebsockets.js', version: '20.57.0' },
      [NATIVE_COMPAT]: moduleCalled('compat'),
    });
    expect(pickUws(load)).toEqual({ uws: { App: 'current' }, name: '@btc-vision/uwebsockets.js@20.57.0' });
  });

  test('of the older republication loads the native file alone, never the imitation behind its main file', () => {
    const load = scriptedLoader({
      [NATIVE_COMPAT]: moduleCalled('native'),
      'uws-compat': moduleCalled('imitation'),
      '/modules/uws-compat/package.json': { name: '@trufflesuite/uws-js-unofficial', version: '20.30.0-unofficial.0' },
    });
    expect(pickUws(load)).toEqual({
      uws: { App: 'native' },
      name: '@trufflesuite/uws-js-unofficial@20.30.0-unofficial.0',
    });
    expect(load.asked).not.toContain('uws-compat');
  });

  test('has no native one and refuses, though the imitation would load: names each candidate and its reason', () => {
    const load = scriptedLoader({ 'uws-compat': moduleCalled('imitation'), 'uws-compat/src/uws.js': {} });
    expect(() => pickUws(load)).toThrow(/uWebSockets\.js: .*uws-current: .*uws-compat: /);
    expect(load.asked).toEqual(['uWebSockets.js', 'uws-current', NATIVE_COMPAT]);
  });

  test("gives the loader's own words, which come last in the message", () => {
    const load = (id: string): unknown => {
      throw new Error(`This version supports only some platforms.\n\nError: ${id}: GLIBC_2.38 not found`);
    };
    expect(() => pickUws(load)).toThrow(/uws-current: Error: uws-current: GLIBC_2\.38 not found/);
  });

  test('goes by the alias where the package cannot say its name', () => {
    const load = scriptedLoader({ 'uws-current': moduleCalled('current') });
    expect(pickUws(load).name).toBe('uws-current');
  });

  test('finds one on this machine, native, and says package and version', () => {
    const { uws, name } = pickUws();
    expect(name).toMatch(/^(uWebSockets\.js|@btc-vision\/uwebsockets\.js|@trufflesuite\/uws-js-unofficial)@20\.\d+\./);
    // The imitation is an ordinary JavaScript function and shows its source.
    expect(Function.prototype.toString.call(uws.App)).toContain('[native code]');
    const imitation = createRequire(import.meta.url)('uws-compat/dist/index.js') as object;
    expect(uws).not.toBe(imitation);
  });
});
