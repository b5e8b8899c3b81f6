import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { KEY_FILE, keyFromFile, SecretKeyError } from '../../src/auth/secret-key.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

let dataDir: string;
let file: string;
let repaired: [file: string, mode: number][];

beforeEach(() => {
  dataDir = join(temporaryDirectory(), 'data');
  file = join(dataDir, KEY_FILE);
  repaired = [];
});

function load(isAnythingSealed = false): Uint8Array {
  return keyFromFile(dataDir, isAnythingSealed, (...found) => repaired.push(found));
}

it('makes a key of 32 bytes in a file and a directory for its owner alone, and finds it again', () => {
  const key = load();
  expect(key.byteLength).toBe(32);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(load()).toEqual(key);
  expect(repaired).toEqual([]);
});

it('makes none where something is stored that only the missing one opens, and says so', () => {
  mkdirSync(dataDir);
  expect(() => load(true)).toThrow(/secret\.key is missing; start with the key/);
  expect(readdirSync(dataDir)).toEqual([]);
  const key = load();
  expect(load(true)).toEqual(key);
});

it('makes another key each time', () => {
  const key = load();
  dataDir = join(temporaryDirectory(), 'data');
  expect(load()).not.toEqual(key);
});

it('leaves no other file behind, nor minds one that a crash has left', () => {
  mkdirSync(dataDir);
  writeFileSync(`${file}.${process.pid}`, 'half a k');
  load();
  expect(readdirSync(dataDir)).toEqual([KEY_FILE]);
});

it('takes what "openssl rand -base64 32" prints', () => {
  mkdirSync(dataDir);
  writeFileSync(file, `${Buffer.alloc(32, 5).toString('base64')}\n`, { mode: 0o600 });
  expect(Buffer.from(load())).toEqual(Buffer.alloc(32, 5));
});

it.each([0o644, 0o640, 0o604, 0o660, 0o755])('closes a file of mode %o to others, and says so', (mode) => {
  const key = load();
  chmodSync(file, mode);
  expect(load()).toEqual(key);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(repaired).toEqual([[file, mode]]);
});

it.each([
  ['is empty', ''],
  ['holds a key that is too short', Buffer.alloc(31).toString('base64')],
  ['holds a key that is too long', Buffer.alloc(33).toString('base64')],
  ['holds no base64', '!'.repeat(44)],
  ['holds hexadecimal digits', Buffer.alloc(32, 0xab).toString('hex')],
])('refuses a file that %s, and leaves it as it is', (_, text) => {
  mkdirSync(dataDir);
  writeFileSync(file, text, { mode: 0o600 });
  expect(load).toThrow(SecretKeyError);
  expect(load).toThrow(file);
  expect(readFileSync(file, 'utf8')).toBe(text);
});

it('says of a file that is none why it cannot be used', () => {
  mkdirSync(file, { recursive: true });
  expect(load).toThrow(/secret\.key cannot be used: EISDIR/);
});

it('does not show the key when it refuses it', () => {
  mkdirSync(dataDir);
  writeFileSync(file, 'hunter2', { mode: 0o600 });
  expect(load).not.toThrow('hunter2');
});
