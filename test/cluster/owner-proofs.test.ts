import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeQuestion, encodeQuestion, OwnerProofs } from '../../src/cluster/owner-proofs.js';
import { ownerSubject } from '../../src/cluster/subjects.js';
import { Device } from '../../src/core/device.js';
import type { ProofResult } from '../../src/core/ports.js';
import type { OwnedSpool } from '../../src/core/spool-ports.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { DEVICE_A } from '../spool/contract.js';
import { MemoryServers } from './memory-talk.js';

const BODY = { bytes: Buffer.from('[{"data":{"n":1}}]'), states: 1 };
const YES: ProofResult = {
  result: {
    kind: 'answer',
    status: 200,
    message: '',
    retryAfterMs: undefined,
    isCloudsOwn: true,
    cloudDate: { dateMs: 1, sentMs: 2, heardMs: 3 },
  },
  isOfBody: true,
};

describe('a proof of a token', () => {
  let clock: FakeClock;
  let servers: MemoryServers;
  let last: number;
  let all: OwnerProofs[];

  beforeEach(() => {
    clock = new FakeClock();
    servers = new MemoryServers();
    last = 0;
    all = [];
  });

  afterEach(() => {
    for (const proofs of all) proofs.stop();
  });

  /** A replica that has the partition, having read so far, or has it not. */
  function replica(owned: { lastRead: number } | undefined): {
    readonly proofs: OwnerProofs;
    readonly proven: unknown[];
  } {
    const proven: unknown[] = [];
    const proofs = new OwnerProofs({
      talk: servers.talk(),
      clock,
      partitions: 12,
      ownedOf: () => owned as OwnedSpool | undefined,
      lastSequence: async () => last,
      prove: async (device, token, body, isServed) => {
        proven.push([device.key, token, Buffer.from(body.bytes).toString(), body.states, isServed]);
        return YES;
      },
    });
    all.push(proofs);
    proofs.start();
    return { proofs, proven };
  }

  const expected = [DEVICE_A.key, 'token', BODY.bytes.toString(), 1, true];

  it('is the owner’s, whichever replica asks for it', async () => {
    const owner = replica({ lastRead: 0 });
    const asking = replica(undefined);
    const result = await asking.proofs.prove(DEVICE_A, 'token', BODY, true);
    expect(owner.proven).toEqual([expected]);
    expect(asking.proven).toEqual([]);
    // What a clock of another machine showed means nothing here.
    expect(result).toEqual({ result: { ...YES.result, cloudDate: undefined }, isOfBody: true });
  });

  it('is its own where it is the owner, as it came', async () => {
    const owner = replica({ lastRead: 0 });
    expect(await owner.proofs.prove(DEVICE_A, 'token', BODY, true)).toBe(YES);
    expect(owner.proven).toEqual([expected]);
  });

  it('begins when all that was accepted before has been read', async () => {
    const owned = { lastRead: 3 };
    last = 5;
    const owner = replica(owned);
    const result = owner.proofs.prove(DEVICE_A, 'token', BODY, true);
    await clock.advance(500);
    expect(owner.proven).toEqual([]);
    owned.lastRead = 5;
    await clock.advance(20);
    expect(await result).toBe(YES);
  });

  it('sends nothing when that takes too long', async () => {
    last = 5;
    const owner = replica({ lastRead: 3 });
    const result = owner.proofs.prove(DEVICE_A, 'token', BODY, true);
    await clock.advance(3_000);
    expect(await result).toMatchObject({ result: { kind: 'failure', mayArriveLater: false }, isOfBody: false });
    expect(owner.proven).toEqual([]);
  });

  it('fails where nobody has the partition, or what answers is no replica', async () => {
    const talk = servers.talk();
    const asking = replica(undefined);
    asking.proofs.stop();
    expect(await asking.proofs.prove(DEVICE_A, 'token', BODY, true)).toMatchObject({ result: { kind: 'failure' } });
    for (let partition = 0; partition < 12; partition++) {
      talk.listen(ownerSubject(partition), (_, answer) => answer?.(Buffer.from('{"isOfBody":true}')));
    }
    expect(await asking.proofs.prove(DEVICE_A, 'token', BODY, true)).toMatchObject({ result: { kind: 'failure' } });
  });

  it('is asked for in bytes that say all of it, and nothing else does', () => {
    const id = fc.uint8Array({ minLength: 24, maxLength: 24 }).map((bytes) => Buffer.from(bytes).toString('hex'));
    fc.assert(
      fc.property(id, fc.string(), fc.uint8Array(), fc.nat(), fc.boolean(), (key, token, bytes, states, isServed) => {
        const question = { device: Device.fromKey(key), token, body: { bytes, states }, isServed };
        expect(decodeQuestion(encodeQuestion(question))).toEqual(question);
      }),
    );
    expect(decodeQuestion(Buffer.from('what?'))).toBeUndefined();
  });
});
