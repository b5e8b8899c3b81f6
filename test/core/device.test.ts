import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Device, ID_BYTES, isId } from '../../src/core/device.js';

const APPLICATION = '0123456789abcdef01234567';
const DEVICE = 'fedcba9876543210fedcba98';

describe('an id', () => {
  it.each([APPLICATION, APPLICATION.toUpperCase(), '000000000000000000000000'])('%s is one', (text) => {
    expect(isId(text)).toBe(true);
  });

  it.each([
    '',
    APPLICATION.slice(1),
    `${APPLICATION}0`,
    `${APPLICATION}\n`,
    APPLICATION.replace('a', 'g'),
    '٠'.repeat(24),
  ])('%j is none', (text) => expect(isId(text)).toBe(false));
});

describe('a device', () => {
  it('is one device in either spelling of its ids', () => {
    const device = new Device(APPLICATION.toUpperCase(), DEVICE.toUpperCase());
    expect(device.key).toBe(APPLICATION + DEVICE);
    expect(device).toEqual(new Device(APPLICATION, DEVICE));
  });

  it('differs from one whose ids are the other way round', () => {
    expect(new Device(APPLICATION, DEVICE).key).not.toBe(new Device(DEVICE, APPLICATION).key);
  });

  it('comes back from its bytes, wherever they stand', () => {
    const hexId = fc
      .uint8Array({ minLength: ID_BYTES, maxLength: ID_BYTES })
      .map((id) => Buffer.from(id).toString('hex'));
    fc.assert(
      fc.property(hexId, hexId, fc.nat(40), fc.nat(40), (application, id, before, offset) => {
        const device = new Device(application, id);
        const room = new Uint8Array(before + offset + 2 * ID_BYTES + 3).subarray(before);
        room.set(device.idBytes, offset);
        expect(Device.fromBytes(room, offset)).toEqual(device);
      }),
    );
  });
});
