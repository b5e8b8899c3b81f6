import { fileVariableOf, flagOf, OPTION_KEYS, type OptionKey, optionRow } from './options.js';

const BEGIN = '<!-- options:begin -->';
const END = '<!-- options:end -->';

/** The document that holds the table of options, from the package's root. */
export const DOCUMENT_WITH_TABLE = 'docs/configuration.md';

/** The table of options in Markdown. */
export function optionsTable(): string {
  return ['| variable | default | meaning | allowed |', '|---|---|---|---|', ...OPTION_KEYS.map(tableRow)].join('\n');
}

/**
 * `document` with the current table between its markers.
 * @throws Error when a marker is missing
 */
export function withOptionsTable(document: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`the document has no ${BEGIN} followed by ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n${optionsTable()}\n${document.slice(end)}`;
}

function tableRow(key: OptionKey): string {
  const row = optionRow(key);
  const fallback = row.defaultInWords ?? (row.default === undefined ? '–' : `\`${row.default}\``);
  const notes = [row.meaning];
  const fileVariable = fileVariableOf(key);
  if (fileVariable !== undefined)
    notes.push(
      `Secret; prefer the variable, or the path of a file that holds it in \`${fileVariable}\`, to ${flagOf(row.variable)}, which other users of the machine can see.`,
    );
  return `| \`${row.variable}\` | ${fallback} | ${notes.join(' ')} | ${row.isFile ? 'a file that can be read' : row.kind.allowed} |`;
}
