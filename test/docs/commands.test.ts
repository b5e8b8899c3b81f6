import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';

// As built: the program reads its own package.json by where it lies.
const BUILT = join(import.meta.dirname, '../../dist/src/app');
const { createProgram } = (await import(join(BUILT, 'cli.js'))) as typeof import('../../src/app/cli.js');
const { COMMANDS_DOCUMENT, commandsDocument } = (await import(
  join(BUILT, 'docs/program-docs.js')
)) as typeof import('../../src/app/docs/program-docs.js');

const program = await createProgram();
const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];

describe('the document of the commands', () => {
  const document = commandsDocument(program);

  it('is what "npm run docs" writes', () => {
    expect(readFileSync(join(import.meta.dirname, '../..', COMMANDS_DOCUMENT), 'utf8')).toBe(document);
  });

  it('has a section for each command of the contract that is built', () => {
    const contract = readFileSync(join(import.meta.dirname, '../../docs/contract.md'), 'utf8');
    const rows = contract.split('\n').filter((line) => /^\| `stateway [^|]*\|/.test(line));
    const names = rows
      .map((line) => line.split('|')[1] as string)
      .flatMap((cell) => cell.replaceAll('`', '').split(/ *\/ */))
      .filter((name) => !name.includes('†'))
      .map((name) => name.trim().replace(/^.* /, ''));
    expect(names.length).toBeGreaterThan(8);
    const sections = [...document.matchAll(/^## (.+)$/gm)].map(([, name]) => name);
    for (const name of names)
      expect(
        sections.some((section) => section?.endsWith(` ${name}`)),
        name,
      ).toBe(true);
  });
});

describe('the help of a command', () => {
  it.each(all(program).map((command) => [command.name(), command] as const))(
    'of %s says what all of it does',
    (_name, command) => {
      expect(command.description()).toMatch(/\S{3}/);
      expect(command.helpInformation()).toContain(`Usage: `);
      const described = [...command.options, ...command.registeredArguments];
      expect(described.filter(({ description }) => !/\S{3}/.test(description))).toEqual([]);
    },
  );
});
