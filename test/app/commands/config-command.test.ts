import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { configCommand } from '../../../src/app/commands/config-command.js';
import { OPTION_KEYS } from '../../../src/config/options.js';

let printed: string;
let warned: string;

beforeEach(() => {
  printed = '';
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY']) vi.stubEnv(name, '').stubEnv(name.toLowerCase(), '');
  warned = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += text;
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    warned += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

it('prints a line for each option with where it came from, and hides secrets', () => {
  vi.stubEnv('STATEWAY_UPSTREAM_TOKEN', 'hunter2');
  configCommand().parse(['--window-ms', '2s'], { from: 'user' });
  expect(printed).toMatch(/^STATEWAY_WINDOW_MS +2s +flag$/m);
  expect(printed).toMatch(/^STATEWAY_UPSTREAM_TOKEN +set, hidden +environment$/m);
  expect(printed).toMatch(/^STATEWAY_TLS_KEY_FILE +\(not set\) +default$/m);
  expect(printed).not.toContain('hunter2');
  expect(printed.trimEnd().split('\n')).toHaveLength(OPTION_KEYS.length);
  expect(warned).toBe('');
});

it('prints one JSON object with --json', () => {
  configCommand().parse(['--json', '--rate-limit', '10/1min'], { from: 'user' });
  const config = JSON.parse(printed) as Record<string, unknown>;
  expect(config.STATEWAY_RATE_LIMIT).toEqual({ value: '10/1min', source: 'flag' });
  expect(config.STATEWAY_UPSTREAM_TOKEN).toEqual({ value: null, source: 'default' });
});

it('leaves a wrong value to whoever started it', () => {
  expect(() => configCommand().parse(['--window-ms', 'soon'], { from: 'user' })).toThrow(
    '--window-ms "soon" is not allowed',
  );
  expect(printed).toBe('');
});
