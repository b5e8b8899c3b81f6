import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/config-error.js';
import { describeConfig } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';
import { fileVariableOf, flagOf, OPTION_KEYS, type OptionKey, optionRow } from '../../src/config/options.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const KEY = Buffer.alloc(32, 0xfb).toString('base64');
/** A good value of each secret; a test below fails when one has none here. */
const SECRETS: Partial<Record<OptionKey, string>> = {
  adminToken: 'hunter2-admin-token',
  upstreamToken: 'hunter2-token',
  secretKey: KEY,
};
const SECRET_KEYS = OPTION_KEYS.filter((key) => optionRow(key).secret);
const cases = SECRET_KEYS.map((key) => {
  const variable = optionRow(key).variable;
  return { key, variable, fileVariable: fileVariableOf(key) as string, secret: SECRETS[key] as string };
});

function messageOf(env: Record<string, string>, flags: Record<string, string> = {}): string {
  try {
    loadConfig(env, flags);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('nothing was refused');
}

function fileWith(content: string | Buffer, name = 'secret'): string {
  const file = join(temporaryDirectory(), name);
  writeFileSync(file, content);
  return file;
}

it('every secret may be given as a file, and nothing else', () => {
  expect(SECRET_KEYS).toEqual(Object.keys(SECRETS));
  for (const key of OPTION_KEYS) {
    const { variable, secret } = optionRow(key);
    expect(fileVariableOf(key)).toBe(secret ? `${variable}_FILE` : undefined);
  }
});

describe.each(cases)('$key', ({ key, variable, fileVariable, secret }) => {
  it('is read from the file that the variable names, whose newlines at the end do not count', () => {
    const { [key]: plain } = loadConfig({ [variable]: secret }, {});
    for (const end of ['', '\n', '\r\n', '\n\n']) {
      const file = fileWith(secret + end);
      const config = loadConfig({ [fileVariable]: file }, {});
      expect(config[key]).toEqual(plain);
      expect(config.sources[key]).toBe(`file ${file}`);
      const [shown] = describeConfig(config).filter((row) => row.variable === variable);
      expect(shown).toEqual({ variable, value: 'set, hidden', source: `file ${file}` });
    }
  });

  it('loses newlines at its end in the variable and in the flag too, and none elsewhere', () => {
    const { [key]: plain } = loadConfig({ [variable]: secret }, {});
    expect(loadConfig({ [variable]: `${secret}\r\n` }, {})[key]).toEqual(plain);
    expect(loadConfig({}, { [key]: `${secret}\n` })[key]).toEqual(plain);
    for (const text of [`\n${secret}`, `${secret}\n${secret}`, `${secret} `]) {
      expect(messageOf({ [variable]: text })).toContain(`${variable} (value hidden) is not allowed`);
      expect(messageOf({ [fileVariable]: fileWith(text) })).toContain(
        `${fileVariable} (content hidden) is not allowed`,
      );
    }
  });

  it('is read from the file that the flag names, which beats the environment', () => {
    const file = fileWith(secret);
    const config = loadConfig({ [variable]: 'wrong wrong' }, { [`${key}File`]: file });
    expect(config.sources[key]).toBe(`file ${file}`);
    expect(loadConfig({ [fileVariable]: '/nowhere' }, { [key]: secret }).sources[key]).toBe('flag');
    expect(messageOf({}, { [`${key}File`]: '/nowhere/secret' })).toContain(`${flagOf(fileVariable)} "/nowhere/secret"`);
  });

  it('given in both ways at one place is refused, and both are named', () => {
    const file = fileWith(secret);
    expect(messageOf({ [variable]: secret, [fileVariable]: file })).toBe(
      `${variable} and ${fileVariable} are both set; allowed is one of them`,
    );
    expect(messageOf({}, { [key]: secret, [`${key}File`]: file })).toBe(
      `${flagOf(variable)} and ${flagOf(fileVariable)} are both set; allowed is one of them`,
    );
  });

  it.each([
    ['missing', () => '/nowhere/secret', 'cannot be read (ENOENT)'],
    ['a directory', () => temporaryDirectory(), 'is not a file'],
    ['a device', () => '/dev/zero', 'is not a file'],
    ['empty', () => fileWith(''), 'is empty'],
    ['nothing but newlines', () => fileWith('\r\n\n'), 'is empty'],
    ['longer than any secret', () => fileWith('x'.repeat(65_537)), 'is longer than 65536 bytes'],
    ['no path', () => '/nul\0l', 'is not a path'],
  ])('a file that is %s is refused', (_name, makeFile, why) => {
    const message = messageOf({ [fileVariable]: makeFile() });
    expect(message.startsWith(`${fileVariable} "/`)).toBe(true);
    expect(message).toContain(` ${why}; allowed is a file with ${optionRow(key).kind.allowed}`);
    expect(message).not.toMatch(/[\r\n\0]|xxxx/);
  });

  it('an empty name of a file is refused', () => {
    expect(messageOf({ [fileVariable]: '' })).toContain(`${fileVariable} is empty; leave it out, or give the path`);
  });

  it('is not shown where it was put in the place of its file', () => {
    const message = messageOf({ [fileVariable]: secret });
    expect(message).toContain(`${fileVariable} (value hidden) cannot be read (ENOENT)`);
    expect(message).not.toContain(secret);
  });
});

it('a key that begins as a path does is not shown where it was put in the place of its file', () => {
  const key = Buffer.alloc(32, 0xff).toString('base64');
  expect(key.startsWith('/')).toBe(true);
  expect(messageOf({ STATEWAY_SECRET_KEY_FILE: key })).not.toContain(key);
});

it('a file may be a link, as secrets are that Kubernetes mounts', () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, '..data'));
  writeFileSync(join(directory, '..data', 'token'), 'hunter2\n');
  symlinkSync(join('..data', 'token'), join(directory, 'token'));
  expect(loadConfig({ STATEWAY_UPSTREAM_TOKEN_FILE: join(directory, 'token') }, {}).upstreamToken).toBe('hunter2');
});
