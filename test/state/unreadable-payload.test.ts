import { expect, it } from 'vitest';
import { parseFragment } from '../../src/state/fragment.js';
import { fragmentOfUnreadable, KEPT_PAYLOAD_BYTES } from '../../src/state/unreadable-payload.js';

const kept = (payload: string | Uint8Array) => parseFragment(fragmentOfUnreadable(Buffer.from(payload as string)));

it('keeps a text as it is, in a state without attributes', () => {
  expect(kept('{"data":{"x":NaN}} "quoted"\n')).toEqual({
    data: {},
    meta: { payload: '{"data":{"x":NaN}} "quoted"\n' },
  });
  expect(kept('')).toEqual({ data: {}, meta: { payload: '' } });
});

it('keeps the first 4 KiB, of a text whole characters', () => {
  const most = 'x'.repeat(KEPT_PAYLOAD_BYTES);
  expect(kept(`${most}y`)).toEqual({ data: {}, meta: { payload: most } });
  for (const letter of ['ß', '€', '😀']) {
    const text = `${'x'.repeat(KEPT_PAYLOAD_BYTES - 1)}${letter}y`;
    expect(kept(text)).toEqual({ data: {}, meta: { payload: 'x'.repeat(KEPT_PAYLOAD_BYTES - 1) } });
  }
});

it('keeps what is no text in base64', () => {
  const bytes = Uint8Array.of(0xff, 0x00, 0xc3);
  expect(kept(bytes)).toEqual({ data: {}, meta: { payloadBase64: '/wDD' } });
});
