import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { decodeManifest } from '../../../src/spool/segments/manifest.js';
import { readSegments } from '../../../src/spool/segments/segment-log.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { type Durable, LogSite, SITE_SEGMENT_BYTES } from './log-site.js';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

async function openSite(durable?: Durable): Promise<LogSite> {
  const site = await LogSite.open(directory, durable);
  onTestFinished(async () => {
    site.disk.isFree = true;
    if (site.disk.held !== undefined) site.disk.finish();
    await site.log.close();
  });
  return site;
}

describe('the log', () => {
  it('reads back what was appended and noted, after a kill', async () => {
    const site = await openSite();
    await Promise.all([site.append(1, 'one'), site.append(2, 'two'), site.note(1, 'key', 'value')]);
    await site.append(3, 'x'.repeat(9_000));
    await site.kill();
    const again = new LogSite(directory, site.durable);
    expect(again.waiting()).toEqual([
      { sequence: 1, text: 'one' },
      { sequence: 2, text: 'two' },
      { sequence: 3, text: 'x'.repeat(9_000) },
    ]);
    expect(again.recovered.rows).toEqual([
      { table: 1, key: Buffer.from('key'), value: Buffer.from('value'), position: 1 },
    ]);
    expect(again.recovered.lastSequence).toBe(3);
    expect(again.recovered.firstSequence).toBe(1);
    expect(again.damaged).toEqual([]);
  });

  it('writes what is added in one task as one block', async () => {
    const site = await openSite();
    const before = site.log.durablePosition;
    await Promise.all([site.append(1, 'one'), site.note(1, 'a', 'b'), site.append(2, 'two')]);
    expect(site.log.durablePosition).toBe(before + 1);
  });

  it('goes round: segments are used again when all in them is settled', async () => {
    const site = await openSite();
    const files = () => readdirSync(join(directory, 'journal')).length;
    for (let sequence = 1; sequence <= 200; sequence++) {
      await site.append(sequence, 'x'.repeat(5_000));
      await site.settle(sequence);
    }
    expect(files()).toBeLessThanOrEqual(4);
    expect(site.bytesOnDisk).toBe(files() * SITE_SEGMENT_BYTES);
    await site.kill();
    expect((await openSite(site.durable)).waiting()).toEqual([]);
  });

  it('gives a record that is larger than a segment a file of its own, which goes with it', async () => {
    const site = await openSite();
    const large = 'y'.repeat(3 * SITE_SEGMENT_BYTES);
    await site.append(1, large);
    await site.append(2, 'small');
    const sizes = () =>
      readdirSync(join(directory, 'journal')).map((name) => statSync(join(directory, 'journal', name)).size);
    expect(Math.max(...sizes())).toBeGreaterThan(large.length);
    await site.kill();
    const again = await openSite(site.durable);
    expect(again.waiting().map(({ text }) => text)).toEqual([large, 'small']);
    await again.settle(1);
    again.checkpoint();
    await expect.poll(() => Math.max(...sizes())).toBe(SITE_SEGMENT_BYTES);
  });

  it('can be read beside the one who writes', async () => {
    const site = await openSite();
    await site.append(1, 'one');
    const { records } = readSegments(join(directory, 'journal'), decodeManifest(site.durable.manifest as Buffer));
    expect([...records].map(({ sequence }) => sequence)).toEqual([1]);
  });
});
