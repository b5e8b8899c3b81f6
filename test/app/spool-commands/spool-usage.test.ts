import type { Command, CommanderError } from 'commander';
import { expect, it, vi } from 'vitest';
import { spoolCommand } from '../../../src/app/spool-commands/spool-command.js';
import { ConfigError } from '../../../src/config/config-error.js';

/** Runs `spool` as far as it gets without a data directory. @returns how it ended, and what it said */
async function run(args: readonly string[]): Promise<{ error: Error | undefined; said: string }> {
  let said = '';
  const listenTo = (command: Command): Command => {
    const note = (text: string) => {
      said += text;
    };
    for (const inner of command.commands) listenTo(inner);
    return command.exitOverride().configureOutput({ writeErr: note, writeOut: note });
  };
  const error = await listenTo(spoolCommand())
    .parseAsync(args, { from: 'user' })
    .then(
      () => undefined,
      (thrown: Error) => thrown,
    );
  return { error, said };
}

it.each([
  ['discard', [], /by their numbers, by filters such as --device or --until, or give --all$/],
  ['discard', ['1', '--all'], /allowed is one of these$/],
  ['discard', ['1', '--since', '2h'], /allowed is one of these$/],
  ['discard', ['--all', '--no-export', '--file', 'x'], /--file and --no-export are both given/],
  ['discard', ['x'], /value 'x' is invalid for argument 'numbers'. A dead letter is named by its number/],
  ['requeue', [], /or give --all$/],
  [
    'requeue',
    ['--since', 'yesterday'],
    /'--since <time>' argument 'yesterday' is invalid. Allowed is a time, as in 2026/,
  ],
  ['dead-letters', ['--device', 'pump'], /'--device <id>' argument 'pump' is invalid. .*24 hexadecimal digits/],
  ['dead-letters', ['--limit', '0'], /whole number from 1 on/],
  ['dead-letters', ['--reason', ' '], /Allowed is some text/],
  ['dead-letters', ['--devise', 'x'], /unknown option '--devise'\n\(Did you mean --device\?\)/],
  ['devices', ['--limit', 'all'], /whole number from 1 on/],
  ['export', ['--reason', 'x'], /--reason goes with --dead-letters/],
  ['import', [], /missing required argument 'file'/],
  ['discart', [], /unknown command 'discart'\n\(Did you mean discard\?\)/],
])('spool %s %j is answered with what is allowed', async (command, args, words) => {
  const { error, said } = await run([command, ...args]);
  const isOfConfiguration = error instanceof ConfigError;
  expect(isOfConfiguration || (error as CommanderError).exitCode === 1).toBe(true);
  expect(isOfConfiguration ? error.message : said).toMatch(words);
});

it.each(['status', 'devices', 'dead-letters', 'requeue', 'discard', 'export', 'import'])(
  'spool %s --help says what it takes',
  async (command) => {
    const { error, said } = await run([command, '--help']);
    expect((error as CommanderError).exitCode).toBe(0);
    expect(said).toContain('--data-dir <path>');
    if (command !== 'status') expect(said).toMatch(/Examples:\n {2}\$ stateway spool /);
  },
);

it('what replicas hold is not in a data directory, and a command that would look there says so', async () => {
  vi.stubEnv('STATEWAY_SPOOL', 'jetstream');
  vi.stubEnv('STATEWAY_NATS_URL', 'nats://127.0.0.1:4222');
  vi.stubEnv('STATEWAY_SECRET_KEY', Buffer.alloc(32, 7).toString('base64'));
  try {
    const { error } = await run(['status']);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error?.message).toMatch(/^STATEWAY_SPOOL is jetstream, .*name one by --data-dir/);
  } finally {
    vi.unstubAllEnvs();
  }
});
