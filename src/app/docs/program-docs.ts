/** Documents made from the program's own definitions: of its commands, and of the events of its log. */
import type { Argument, Command, Option } from 'commander';
import { flagDescriptors } from '../../config/describe.js';
import { CONFIG_FLAGS_HEADING } from '../commands/config-command.js';
import { EVENT_TABLE, type EventRow } from '../log/events.js';

/** From the package's root; `npm run docs` writes it. */
export const COMMANDS_DOCUMENT = 'docs/commands.md';

const COMMANDS_HEAD = `<!-- Written by "npm run docs" from the definitions of the commands: change it there. -->

# Commands

Installed, the program is \`stateway\`; in a checkout, \`npm start -- <command>\` is the same. \`--help\` behind any command prints
what stands here. None of them compiles anything.

Exit codes: 0 done, 1 failed, 2 bad usage or configuration, or a machine that cannot run it. A reader that has read what it wanted, as
in \`| head\`, ends a command quietly.
`;

/** The document in Markdown, with a section for each command that does something by itself. */
export function commandsDocument(program: Command): string {
  const commands = runnable(program, []);
  const list = commands.map(
    ({ name, command }) => `| [\`${name}\`](#${anchor(name)}) | ${cell(command.description())} |`,
  );
  const overview = ['| command | does |', '|---|---|', ...list].join('\n');
  const sections = commands.map(({ name, command }) => section(name, command));
  return `${[COMMANDS_HEAD, overview, '', ...sections].join('\n')}`;
}

interface NamedCommand {
  /** With those above it: `stateway spool status`. */
  readonly name: string;
  readonly command: Command;
}

function runnable(command: Command, above: readonly string[]): NamedCommand[] {
  const path = [...above, command.name()];
  if (command.commands.length === 0) return [{ name: path.join(' '), command }];
  return command.commands.flatMap((inner) => runnable(inner, path));
}

/** As GitHub makes it of a heading with nothing but words, spaces and dashes. */
function anchor(name: string): string {
  return name.replaceAll(' ', '-');
}

function section(name: string, command: Command): string {
  const own = command.options.filter(({ helpGroupHeading }) => helpGroupHeading !== CONFIG_FLAGS_HEADING);
  const ofConfiguration = command.options.filter(({ helpGroupHeading }) => helpGroupHeading === CONFIG_FLAGS_HEADING);
  const rows = [...command.registeredArguments.map(argumentRow), ...own.map(optionRow)];
  const table = rows.length === 0 ? [] : ['| | meaning | default |', '|---|---|---|', ...rows, ''];
  return [`## ${name}`, '', ...wholeText(command), '', ...table, ...configuration(ofConfiguration)].join('\n');
}

function wholeText(command: Command): string[] {
  const [first = '', ...rest] = command.description();
  return [`${first.toUpperCase()}${rest.join('')}.`.replace(/\.\.$/, '.')];
}

function argumentRow(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return row(argument.required ? `<${name}>` : `[${name}]`, argument.description, undefined);
}

function optionRow({ flags, description, defaultValue, defaultValueDescription }: Option): string {
  const fallback = defaultValueDescription ?? (defaultValue === undefined ? undefined : String(defaultValue));
  return row(flags, description, fallback);
}

function row(name: string, meaning: string, fallback: string | undefined): string {
  return `| \`${cell(name)}\` | ${cell(meaning)} | ${fallback === undefined ? '–' : `\`${cell(fallback)}\``} |`;
}

/** Options of the configuration stand in a document of their own. */
function configuration(options: readonly Option[]): string[] {
  if (options.length === 0) return [];
  const flags = options.map(({ long }) => `\`${long}\``).join(', ');
  const which = options.length === flagDescriptors().length ? 'all options' : flags;
  return [`It goes by ${which} of the [configuration](configuration.md), from the environment or as flags.`, ''];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** From the package's root; `npm run docs` writes it. */
export const EVENTS_DOCUMENT = 'docs/log-events.md';

const EVENTS_HEAD = `<!-- Written by "npm run docs" from src/app/log/events.ts: change it there. -->

# Events of the log

The log is one line of JSON for each event, on standard output; on a terminal it is in words. Each line has

- \`level\`: \`info\`, \`warn\`, \`error\` or \`fatal\`. \`STATEWAY_LOG_LEVEL\` leaves out what is below it;
- \`time\`: ISO 8601 in UTC, by the clock of the machine;
- \`name\`: of the instance (\`STATEWAY_NAME\`);
- \`event\`: one of those below;
- \`msg\`: the same in words; and what else the event has to say.

No line has a token, a secret, or a state's values. Of one event, ten lines are written within a minute (\`lines-left-out\`).
`;

/** The document in Markdown. */
export function eventsDocument(): string {
  const rows = Object.entries<EventRow>(EVENT_TABLE).map(
    ([event, { level, meaning, remedy }]) => `| \`${event}\` | ${level} | ${meaning} | ${remedy ?? '–'} |`,
  );
  return [
    EVENTS_HEAD,
    '| event | level | when, and what it says | what to do |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
