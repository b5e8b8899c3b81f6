import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeManifest, type Manifest } from '../../../src/spool/segments/manifest.js';
import { segmentFileName } from '../../../src/spool/segments/segment.js';
import { damageSomewhere } from '../../helpers/fault-damage.js';
import { Random } from '../../helpers/fault-random.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { type Durable, LogSite, nameOfRow } from './log-site.js';

const NOTED = 3;
/** Damages that were seen: more are done, as most hit what counts for nothing. */
const SEEN_DAMAGES = 20;

/** A journal as a process left it, and all that is in it. */
interface Journal {
  readonly directory: string;
  readonly durable: Durable;
  readonly records: ReadonlyMap<number, string>;
  readonly rows: ReadonlyMap<string, string>;
}

/** Several segments with records, some of them settled, and rows, some of them in a checkpoint. */
async function makeJournal(random: Random): Promise<Journal> {
  const directory = temporaryDirectory();
  const site = await LogSite.open(directory);
  const records = new Map<number, string>();
  const rows = new Map<string, string>();
  for (let sequence = 1; sequence <= 60; sequence++) {
    const text = `${sequence} `.padEnd(random.pick([40, 700, 6_000]), '.');
    const key = `key ${sequence}`;
    await Promise.all([site.append(sequence, text), site.note(NOTED, key, text)]);
    records.set(sequence, text);
    rows.set(nameOfRow(NOTED, Buffer.from(key)), text);
    if (random.chance(0.3)) {
      const settled = random.pick([...records.keys()]);
      await site.settle(settled);
      records.delete(settled);
    }
    if (random.chance(0.1)) site.checkpoint();
  }
  await site.kill();
  return { directory, durable: site.durable, records, rows };
}

/** A copy of a journal, to be damaged. */
function copyOf({ directory, durable }: Journal): { directory: string; durable: Durable } {
  const copy = temporaryDirectory();
  cpSync(directory, copy, { recursive: true });
  return { directory: copy, durable: { manifest: durable.manifest, rows: new Map(durable.rows) } };
}

/** What is not as it was when a journal is opened, and what was reported. */
async function open(
  journal: Journal,
  at: { directory: string; durable: Durable },
): Promise<{ lost: string[]; reported: string[]; site: LogSite }> {
  const site = await LogSite.open(at.directory, at.durable);
  const found = new Map(site.waiting().map(({ sequence, text }) => [sequence, text]));
  for (const [sequence, text] of found) {
    // One that is settled comes again where the note of that was hit.
    if (journal.records.has(sequence)) expect(text === journal.records.get(sequence), `record ${sequence}`).toBe(true);
  }
  const lost = [...journal.records.keys()]
    .filter((sequence) => !found.has(sequence))
    .map((sequence) => `record ${sequence}`);
  for (const [name, text] of journal.rows) {
    if (site.durable.rows.get(name)?.toString() !== text) lost.push(`row ${name}`);
  }
  return { lost, reported: site.damaged.map(({ name, reason }) => `${name}: ${reason}`), site };
}

describe('a journal that is damaged', () => {
  it('in one place gives back everything as it was, or reports it', async () => {
    let seen = 0;
    for (let number = 0; seen < SEEN_DAMAGES; number++) {
      const seed = `${Date.now()}-${number}`;
      const random = new Random(seed);
      const journal = await makeJournal(random);
      const whole = await open(journal, copyOf(journal));
      await whole.site.kill();
      expect({ ...whole, site: undefined }, `whole, with the seed ${seed}`).toEqual({
        lost: [],
        reported: [],
        site: undefined,
      });
      for (let damage = 0; damage < 20; damage++) {
        const copy = copyOf(journal);
        const what = damageSomewhere(copy.directory, () => random.next());
        const { lost, reported, site } = await open(journal, copy);
        await site.kill();
        if (lost.length > 0) expect(reported, `${lost} after ${what}, with the seed ${seed}`).not.toEqual([]);
        if (reported.length > 0) seen++;
      }
    }
  });

  it('by a file that is gone reports it, whichever it is', async () => {
    const random = new Random(String(Date.now()));
    const journal = await makeJournal(random);
    const { segments } = decodeManifest(journal.durable.manifest as Buffer) as Manifest;
    for (const name of segments.map(({ id }) => segmentFileName(id))) {
      const copy = copyOf(journal);
      rmSync(join(copy.directory, 'journal', name));
      const { reported, site } = await open(journal, copy);
      await site.kill();
      expect(reported, name).toContain(`${name}: a file of the journal is gone, and what it held with it`);
    }
  });

  it('is reported once: what is good in a damaged segment is moved out of it', async () => {
    const journal = await makeJournal(new Random(String(Date.now())));
    let seen = 0;
    for (let number = 0; seen < 5; number++) {
      const random = new Random(`${Date.now()}-${number}`);
      const copy = copyOf(journal);
      const what = damageSomewhere(copy.directory, () => random.next());
      const first = await open(journal, copy);
      await expect.poll(() => [...first.site.index.values()].some(({ segment }) => segment?.isDamaged)).toBe(false);
      first.site.checkpoint();
      await first.site.kill();
      const second = await open(journal, copy);
      await second.site.kill();
      expect(second.reported, what).toEqual([]);
      expect(second.lost, what).toEqual(first.lost);
      if (first.reported.length > 0) seen++;
    }
  });
});
