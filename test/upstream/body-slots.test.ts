import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Device } from '../../src/core/device.js';
import { BodySlots, MOST_SLOTS, SLOT_BYTES } from '../../src/upstream/body-slots.js';
import { answerAsCloud } from '../helpers/recording-cloud.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { Cleaner, makeCertificate, startHttp, startHttps, threadClient } from './test-servers.js';

const device = new Device('5'.repeat(24), 'a'.repeat(24));
const cleaner = new Cleaner();
afterEach(() => cleaner.run());

function taken(slots: BodySlots, byteLength = 10) {
  const body = slots.take(slots.offer(byteLength) as Buffer);
  if (body === undefined) throw new Error('no slot was free');
  return body;
}

describe('slots', () => {
  it('are filled again once the cloud has taken what was in them, and made known to the thread once', () => {
    const slots = new BodySlots();
    const first = taken(slots);
    expect(first).toMatchObject({ slot: 0, byteLength: 10, memory: expect.any(SharedArrayBuffer) });
    expect(taken(slots).slot).toBe(1);
    slots.giveBack(first.slot, true);
    expect(taken(slots, 20)).toEqual({ slot: 0, byteLength: 20, memory: undefined });
  });

  it('are replaced after any other end: a socket may still write from them', () => {
    const slots = new BodySlots();
    const first = taken(slots);
    slots.giveBack(first.slot, false);
    const second = taken(slots);
    expect(second.slot).toBe(0);
    expect(second.memory).toBeInstanceOf(SharedArrayBuffer);
    expect(second.memory).not.toBe(first.memory);
  });

  it('stay free when what they were offered for is not sent', () => {
    const slots = new BodySlots();
    const offered = slots.offer(10);
    expect(slots.offer(5)?.buffer).toBe(offered?.buffer);
    expect(taken(slots).slot).toBe(0);
  });

  it('are told apart when another comes back between the offer and the sending, and sent once', () => {
    const slots = new BodySlots();
    const other = taken(slots);
    const offered = slots.offer(10) as Buffer;
    slots.giveBack(other.slot, true);
    expect(slots.take(offered)?.slot).toBe(1);
    expect(slots.take(offered)).toBeUndefined();
    expect(taken(slots).slot).toBe(0);
  });

  it('are told to the next thread again', () => {
    const slots = new BodySlots();
    const { slot, memory } = taken(slots);
    slots.giveBack(slot, true);
    slots.forgetThread();
    expect(taken(slots)).toMatchObject({ slot, memory });
  });

  it('are none for a body that is too large, for more than there are, and for memory that is not theirs', () => {
    const slots = new BodySlots();
    expect(slots.offer(SLOT_BYTES + 1)).toBeUndefined();
    expect(slots.take(Buffer.from('[]'))).toBeUndefined();
    for (let slot = 0; slot < MOST_SLOTS; slot++) expect(taken(slots, SLOT_BYTES).slot).toBe(slot);
    expect(slots.offer(1)).toBeUndefined();
  });
});

describe.each(['http', 'https'] as const)('bodies over %s', (protocol) => {
  it('arrive as they were filled in, whatever is filled in later, and whatever the cloud answers', async () => {
    const arrived = new Map<string, string>();
    const client = await openClient(protocol, (token, body) => {
      arrived.set(token, body);
      return Number(token.slice(-3));
    });
    const bodies = Array.from({ length: 200 }, (_, n) => {
      const status = n % 3 === 0 ? 500 : 200;
      return { token: `n${n}-${status}`, text: `[${`${n},`.repeat(3_000 + 300 * (n % 50))}0]` };
    });
    for (let first = 0; first < bodies.length; first += MOST_SLOTS + 10) {
      const sent = bodies.slice(first, first + MOST_SLOTS + 10).map(({ token, text }) => {
        const body = client.bodyMemory(text.length);
        body.write(text, 'latin1');
        return client.sendStates(device, token, body);
      });
      for (const result of await Promise.all(sent)) expect(result.kind).toBe('answer');
    }
    for (const { token, text } of bodies) expect(arrived.get(token) === text).toBe(true);
  });
});

async function openClient(protocol: 'http' | 'https', answer: (token: string, body: string) => number) {
  const listener: Parameters<typeof startHttp>[1] = (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const token = (request.headers.authorization as string).slice('Bearer '.length);
      answerAsCloud(request, response, answer(token, Buffer.concat(chunks).toString('latin1')));
    });
  };
  if (protocol === 'http') return threadClient(cleaner, await startHttp(cleaner, listener));
  const { keyFile, certFile } = makeCertificate(temporaryDirectory());
  const port = await startHttps(cleaner, readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8'), listener);
  return threadClient(cleaner, port, { caFile: certFile });
}
