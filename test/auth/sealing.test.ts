import { expect, it } from 'vitest';
import { keptUntilOf, Sealing, sameMac } from '../../src/auth/sealing.js';

const sealing = new Sealing(Buffer.alloc(32, 1));
const other = new Sealing(Buffer.alloc(32, 2));
const PLAIN = 'a token, π';

it('opens what it sealed, for the same row', () => {
  for (const plain of [PLAIN, '', 'x'.repeat(100_000)]) {
    expect(sealing.open('row', sealing.seal('row', 1_000, plain))).toBe(plain);
  }
});

it('opens a value wherever it stands in a larger buffer', () => {
  const sealed = sealing.seal('row', 1_000, PLAIN);
  const larger = Buffer.concat([Buffer.alloc(5), sealed, Buffer.alloc(5)]);
  const within = larger.subarray(5, 5 + sealed.byteLength);
  expect(sealing.open('row', within)).toBe(PLAIN);
  expect(keptUntilOf(within)).toBe(1_000);
});

it('opens nothing under another row or another key', () => {
  const sealed = sealing.seal('row', 1_000, PLAIN);
  expect(sealing.open('row2', sealed)).toBeUndefined();
  expect(other.open('row', sealed)).toBeUndefined();
});

it('opens nothing in which any one bit differs', () => {
  const sealed = sealing.seal('row', 1_000, PLAIN);
  for (let bit = 0; bit < 8 * sealed.byteLength; bit++) {
    const altered = Uint8Array.from(sealed);
    altered[bit >> 3] = (altered[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(sealing.open('row', altered), `bit ${bit}`).toBeUndefined();
  }
});

it('opens nothing that is cut short or longer', () => {
  const sealed = sealing.seal('row', 1_000, PLAIN);
  for (let length = 0; length < sealed.byteLength; length++) {
    expect(sealing.open('row', sealed.subarray(0, length))).toBeUndefined();
  }
  expect(sealing.open('row', Buffer.concat([sealed, Buffer.of(0)]))).toBeUndefined();
});

it('seals the same text to other bytes each time: the nonce is new', () => {
  const nonces = new Set(Array.from({ length: 1_000 }, () => nonceOf(sealing.seal('row', 1_000, PLAIN))));
  expect(nonces.size).toBe(1_000);
});

it('shows nothing of the text', () => {
  const sealed = Buffer.from(sealing.seal('row', 1_000, 'secret'.repeat(100))).toString('latin1');
  expect(sealed).not.toContain('secret');
});

it('says in the clear until when a row is of use', () => {
  for (const keptUntilMs of [0, Date.UTC(2030, 0, 1), Number.POSITIVE_INFINITY]) {
    expect(keptUntilOf(sealing.seal('row', keptUntilMs, PLAIN))).toBe(keptUntilMs);
  }
  expect(keptUntilOf(Buffer.from('no sealed row, though long enough to be one'))).toBeUndefined();
  expect(keptUntilOf(new Uint8Array(3))).toBeUndefined();
});

it('makes other MACs for other parts, purposes, and keys', () => {
  const macs = [
    sealing.mac('a', 'b', 'c'),
    sealing.mac('a', 'bc'),
    sealing.mac('ab', 'c'),
    sealing.mac('a', 'b', 'c', ''),
    sealing.mac('a', 'b","c'),
    sealing.mac('x', 'b', 'c'),
    other.mac('a', 'b', 'c'),
  ];
  expect(new Set(macs).size).toBe(macs.length);
  expect(sealing.mac('a', 'b', 'c')).toBe(macs[0]);
});

it('compares MACs by all of their characters', () => {
  const mac = sealing.mac('a');
  expect(sameMac(mac, sealing.mac('a'))).toBe(true);
  expect(sameMac(mac, sealing.mac('b'))).toBe(false);
  expect(sameMac(mac, mac.slice(0, -1))).toBe(false);
  expect(sameMac(mac, '')).toBe(false);
});

function nonceOf(sealed: Uint8Array): string {
  return Buffer.from(sealed.subarray(9, 21)).toString('hex');
}
