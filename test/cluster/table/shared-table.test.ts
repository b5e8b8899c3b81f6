import { describe, expect, it } from 'vitest';
import { NatsLink } from '../../../src/cluster/nats/link.js';
import { appendTo } from '../../../src/cluster/nats/publishing.js';
import { StreamMessages } from '../../../src/cluster/nats/stream-messages.js';
import { prepareStreams } from '../../../src/cluster/nats/streams.js';
import { GRANTS_STREAM } from '../../../src/cluster/subjects.js';
import { SharedTable } from '../../../src/cluster/table/shared-table.js';
import { NatsServers, whyNoNats } from '../../helpers/nats-servers.js';
import { atEnd } from '../../helpers/test-scope.js';

type News = [key: string, value: string | undefined];

async function open(servers: NatsServers): Promise<{ table: SharedTable; news: News[] }> {
  const link = await NatsLink.open({ urls: servers.urls, name: 'test' });
  atEnd(() => link.close());
  await prepareStreams(link, { partitions: 1, replicas: servers.servers.length, maxIntakeBytes: 1_000_000 });
  const publish = (subject: string, payload: Uint8Array) => appendTo(link, { subject, payload });
  const table = await SharedTable.open({ messages: new StreamMessages(link, GRANTS_STREAM), publish });
  atEnd(() => table.close());
  const news: News[] = [];
  table.onChange((key, value) => news.push([key, text(value)]));
  return { table, news };
}

function bytes(words: string): Uint8Array {
  return new TextEncoder().encode(words);
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : new TextDecoder().decode(value);
}

function rowsOf(table: SharedTable): Record<string, string | undefined> {
  const rows: Record<string, string | undefined> = {};
  table.scan((key, value) => {
    rows[key] = text(value);
  });
  return rows;
}

describe.skipIf(whyNoNats() !== undefined)('the rows that replicas share', () => {
  it('are seen by all, whoever writes them, and told to those who have not written them', async () => {
    const servers = await NatsServers.start({ count: 3 });
    const [a, b] = [await open(servers), await open(servers)];
    expect(a.table.isEmpty).toBe(true);
    await a.table.put('g:one/æ ->', bytes('1'));
    expect(text(a.table.get('g:one/æ ->'))).toBe('1');
    await expect.poll(() => b.news).toEqual([['g:one/æ ->', '1']]);
    await b.table.put('g:one/æ ->', bytes('2'));
    await b.table.put('a', bytes('3'));
    await b.table.put('empty', new Uint8Array(0)).then(() => b.table.remove('empty'));
    await expect.poll(() => a.news.at(-1)).toEqual(['empty', undefined]);
    expect(a.news.slice(0, 2)).toEqual([
      ['g:one/æ ->', '2'],
      ['a', '3'],
    ]);
    expect(b.news).toHaveLength(1);
    const expected = { a: '3', 'g:one/æ ->': '2' };
    expect(rowsOf(a.table)).toEqual(expected);
    expect(Object.keys(rowsOf(b.table))).toEqual(Object.keys(expected));
    const c = await open(servers);
    expect(rowsOf(c.table)).toEqual(expected);
    await c.table.remove('a');
    await expect.poll(() => a.news.at(-1)).toEqual(['a', undefined]);
    expect(a.table.get('a')).toBeUndefined();
  });

  it('end as the same for all that write one row at once, and are told so', async () => {
    const servers = await NatsServers.start({ count: 1 });
    const replicas = [await open(servers), await open(servers), await open(servers)];
    const writes = replicas.flatMap(({ table }, i) =>
      Array.from({ length: 30 }, (_, n) => table.put('row', bytes(`${i}/${n}`))),
    );
    await Promise.all(writes);
    await replicas[0]?.table.put('end', bytes('end'));
    for (const { table } of replicas) await expect.poll(() => text(table.get('end'))).toBe('end');
    const [last] = replicas.map(({ table }) => text(table.get('row')));
    for (const [i, { table, news }] of replicas.entries()) {
      expect(text(table.get('row'))).toBe(last);
      // What it knows of what it has written itself is the last of that, until it is told otherwise.
      const told = news.filter(([key]) => key === 'row').at(-1)?.[1];
      expect(told ?? `${i}/29`).toBe(last);
    }
  });

  it('are written as soon as there is a leader again, and missed by nobody', async () => {
    const servers = await NatsServers.start({ count: 3 });
    const [a, b] = [await open(servers), await open(servers)];
    const leader = await servers.leaderOf(GRANTS_STREAM);
    await leader.kill();
    await a.table.put('row', bytes('1'));
    await expect.poll(() => text(b.table.get('row'))).toBe('1');
  });
});
