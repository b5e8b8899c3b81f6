import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { startProgram } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

/** What a start that comes to nothing prints, and how it ends. */
async function failedStart(env: NodeJS.ProcessEnv) {
  const child = startProgram(['serve'], { env: { STATEWAY_DATA_DIR: temporaryDirectory(), ...env } });
  const [log, told] = [text(child.stdout), text(child.stderr)];
  const [code] = await once(child, 'close');
  const lines = (await log).trim().split('\n');
  return { code, told: await told, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a start that fails is told in the log too, with its cause and the name of the instance', async () => {
  const refused = await failedStart({ STATEWAY_WORKERS: 'many' });
  const [line] = refused.lines;
  expect(refused.lines).toHaveLength(1);
  expect(line).toMatchObject({ level: 'fatal', event: 'start-failed', exitCode: 2, name: expect.stringMatching(/./) });
  expect([refused.code, refused.told]).toEqual([2, `stateway: ${line?.reason}\n`]);
  expect(line?.reason).toMatch(/^STATEWAY_WORKERS "many" is not allowed/);

  // An address of documentation (RFC 5737), which no machine has.
  const failed = await failedStart({ STATEWAY_ADMIN_LISTEN: '192.0.2.1:9', STATEWAY_NAME: 'Hall 7' });
  expect(failed.code).toBe(1);
  // What the machine has to say of its limits may stand between.
  expect(failed.lines[0]).toMatchObject({ event: 'starting' });
  expect(failed.lines.at(-1)).toMatchObject({ event: 'start-failed', exitCode: 1 });
  expect(new Set(failed.lines.map(({ name }) => name))).toEqual(new Set(['Hall 7']));
  const reason = failed.lines.at(-1)?.reason;
  expect(reason).toContain('STATEWAY_ADMIN_LISTEN');
  expect(failed.told).toBe(`stateway: ${reason}\n`);
});
