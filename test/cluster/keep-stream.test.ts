import { describe, expect, it } from 'vitest';
import type { KeepStream, KeptMessage } from '../../src/cluster/ledger-log.js';
import { NatsKeepStream } from '../../src/cluster/nats/keep-stream.js';
import { NatsLink } from '../../src/cluster/nats/link.js';
import { appendTo } from '../../src/cluster/nats/publishing.js';
import { assertSynced, assertVersion } from '../../src/cluster/nats/server-check.js';
import { prepareStreams } from '../../src/cluster/nats/streams.js';
import { INTAKE_STREAM } from '../../src/cluster/subjects.js';
import { NatsServers, whyNoNats } from '../helpers/nats-servers.js';
import { atEnd, sharedByTests } from '../helpers/test-scope.js';

const LEDGER = 'sw.ledger.1';
const LETTERS = 'sw.dead.1';
const SETTINGS = { partitions: 12, maxIntakeBytes: 2_000_000 };

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function read(keep: KeepStream, subject: string, from = 1): Promise<string[]> {
  const found: string[] = [];
  for await (const message of keep.readFrom(subject, from)) found.push(shown(message) as string);
  return found;
}

function shown(message: KeptMessage | undefined): string | undefined {
  return message && `${message.sequence} ${message.subject} ${new TextDecoder().decode(message.payload)}`;
}

async function linkTo(servers: NatsServers): Promise<NatsLink> {
  const link = await NatsLink.open({ urls: servers.urls, name: 'test' });
  atEnd(() => link.close());
  return link;
}

describe.skipIf(whyNoNats() !== undefined)('the streams', () => {
  for (const count of [1, 3] as const) {
    describe(`on servers: ${count}`, () => {
      const shared = sharedByTests(async () => {
        const servers = await NatsServers.start({ count });
        const link = await linkTo(servers);
        await prepareStreams(link, { ...SETTINGS, replicas: count });
        return { servers, link, keep: await NatsKeepStream.open(link) };
      });

      it('take an entry only behind the one that its writer has seen, alone and with others', async () => {
        const { keep } = shared();
        const stored = await keep.append({ subject: LEDGER, payload: bytes('a'), after: 0 });
        expect(stored).toEqual({ outcome: 'stored', sequence: 1 });
        const beside = ['x', 'y'].map((text) => ({ subject: LETTERS, payload: bytes(text) }));
        expect(await keep.append({ subject: LEDGER, payload: bytes('no'), after: 0 })).toEqual({ outcome: 'conflict' });
        expect(await keep.append({ subject: LEDGER, payload: bytes('no'), after: 0, beside })).toEqual({
          outcome: 'conflict',
        });
        expect(await read(keep, LETTERS)).toEqual([]);
        const together = await keep.append({ subject: LEDGER, payload: bytes('b'), after: 1, beside });
        expect(together).toEqual({ outcome: 'stored', sequence: 4 });
        expect(await read(keep, 'sw.*.1')).toEqual([
          `1 ${LEDGER} a`,
          `2 ${LETTERS} x`,
          `3 ${LETTERS} y`,
          `4 ${LEDGER} b`,
        ]);
        expect(shown(await keep.last(LEDGER))).toBe(`4 ${LEDGER} b`);
        expect(await keep.last('sw.ledger.2')).toBeUndefined();

        const besideRollup = [{ subject: LETTERS, payload: bytes('z') }];
        const rolledUp = { subject: LEDGER, payload: bytes('c'), after: 4, isRollup: true, beside: besideRollup };
        expect(await keep.append(rolledUp)).toEqual({ outcome: 'stored', sequence: 6 });
        expect(await read(keep, LEDGER)).toEqual([`6 ${LEDGER} c`]);
        expect(await keep.counts('sw.>')).toEqual(
          new Map([
            [LETTERS, 3],
            [LEDGER, 1],
          ]),
        );

        expect(shown(await keep.first(LETTERS, 3))).toBe(`3 ${LETTERS} y`);
        expect(await keep.first(LETTERS, 6)).toBeUndefined();
        await keep.remove(2);
        await keep.remove(2);
        await keep.purge(LETTERS, 3);
        expect(await read(keep, LETTERS)).toEqual([`5 ${LETTERS} z`]);
        await keep.purge(LETTERS);
        expect(await read(keep, 'sw.*.1')).toEqual([`6 ${LEDGER} c`]);
      });

      it('read hundreds of messages of one subject, from any of them on', async () => {
        const { keep } = shared();
        const subject = 'sw.dead.2';
        const texts = Array.from({ length: 600 }, (_, i) => `letter ${i}`);
        const beside = texts.slice(0, -1).map((text) => ({ subject, payload: bytes(text) }));
        const outcome = await keep.append({ subject, payload: bytes(texts.at(-1) as string), beside });
        if (outcome.outcome !== 'stored') throw new Error(JSON.stringify(outcome));
        const firstSequence = outcome.sequence - texts.length + 1;
        const expected = texts.map((text, i) => `${firstSequence + i} ${subject} ${text}`);
        expect(await read(keep, subject)).toEqual(expected);
        expect(await read(keep, subject, firstSequence + 300)).toEqual(expected.slice(300));
      });

      it('are refused with other settings than they have, and left as they are', async () => {
        const { link } = shared();
        const settings = { ...SETTINGS, replicas: count };
        await expect(prepareStreams(link, { ...settings, partitions: 6 })).rejects.toThrow(
          `the stream ${INTAKE_STREAM} has partitions 12, and 6 is asked for`,
        );
        await expect(prepareStreams(link, { ...settings, maxIntakeBytes: 1_000_000 })).rejects.toThrow(
          `the stream ${INTAKE_STREAM} has max_bytes 2000000, and 1000000 is asked for`,
        );
        await prepareStreams(link, settings);
      });

      it('say that they are full, and what nobody keeps is not stored', async () => {
        const { link } = shared();
        const outcomes: string[] = [];
        for (let i = 0; i < 6; i++) {
          const { outcome } = await appendTo(link, { subject: 'sw.in.0', payload: new Uint8Array(500_000) });
          outcomes.push(outcome);
        }
        expect(outcomes).toEqual(['stored', 'stored', 'stored', 'full', 'full', 'full']);
        const nowhere = await appendTo(link, { subject: 'nobody.keeps.it', payload: bytes('') });
        expect(nowhere).toEqual({ outcome: 'again', reason: 'nobody serves it' });
      });
    });
  }
});

describe.skipIf(whyNoNats() !== undefined)('a connection to the servers', () => {
  it('ends what was asked as soon as it breaks, and is made again', async () => {
    const servers = await NatsServers.start({ count: 1 });
    const [server] = servers.servers;
    const changes: boolean[] = [];
    const link = await NatsLink.open({ urls: servers.urls, name: 'test', onChange: (isUp) => changes.push(isUp) });
    atEnd(() => link.close());
    await prepareStreams(link, { ...SETTINGS, replicas: 1 });
    server?.freeze();
    const asked = appendTo(link, { subject: LEDGER, payload: bytes('a') }, 60_000);
    await server?.kill();
    expect(await asked).toEqual({ outcome: 'again', reason: 'the connection broke' });
    expect(await appendTo(link, { subject: LEDGER, payload: bytes('a') }, 60_000)).toEqual({
      outcome: 'again',
      reason: 'not connected',
    });
    await server?.start();
    await expect.poll(() => changes).toEqual([false, true]);
    await expect
      .poll(async () => (await appendTo(link, { subject: LEDGER, payload: bytes('b') })).outcome)
      .toBe('stored');
  });

  it('brings words to whoever listens, and answers back', async () => {
    const servers = await NatsServers.start({ count: 3 });
    const [here, there] = await Promise.all([linkTo(servers), linkTo(servers)]);
    const heard: string[] = [];
    const end = there.listen('sw.now.3', (payload, answer) => {
      heard.push(new TextDecoder().decode(payload));
      answer?.(bytes('well'));
    });
    const asked = async () => String(await here.ask('sw.now.3', bytes('how'), 2_000));
    await expect.poll(asked).toBe('well');
    here.say('sw.now.3', bytes('hello'));
    await expect.poll(() => heard.at(-1)).toBe('hello');
    expect(heard[0]).toBe('how');
    end();
    await there.connection.flush();
    expect(await here.ask('sw.now.4', bytes('anybody'), 2_000)).toBeUndefined();
  });

  it('is refused to servers that are too old, or acknowledge before they sync', async () => {
    expect(() => assertVersion('2.11.9')).toThrow('nats-server 2.11.9 is too old: 2.12 or newer is needed');
    for (const version of ['2.12.0', '2.15.1', '3.0.0']) assertVersion(version);
    const synced = await NatsServers.start({ count: 1 });
    await assertSynced(synced.monitorUrls);
    const late = await NatsServers.start({ count: 1, isSynced: false });
    await expect(assertSynced([...synced.monitorUrls, ...late.monitorUrls])).rejects.toThrow(
      `the nats-server at ${late.monitorUrls[0]} acknowledges before its disk has it`,
    );
    await expect(assertSynced(synced.urls.map((url) => url.replace('nats:', 'http:')))).rejects.toThrow(
      'does not answer as the monitoring port of a nats-server does',
    );
  });
});
