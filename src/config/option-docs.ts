import { fileVariableOf, flagOf, OPTION_KEYS, type OptionKey, optionRow, variablesOf } from './options.js';

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

/** The schema of the Helm chart's values, from the package's root. */
export const CHART_SCHEMA = 'k8s/chart/values.schema.json';

/** YAML has a number without a unit as one. */
const TEXT = ['string', 'integer'];

/** The schema of the chart's `config`, as far as the table of options has a say in it. */
interface ConfigSchema {
  readonly propertyNames: { readonly if: { readonly enum: readonly string[] }; readonly else?: object };
  readonly properties?: object;
}

interface ValuesSchema {
  readonly properties: { readonly config: ConfigSchema } & Readonly<Record<string, object>>;
}

/**
 * `schema` with the options that `config` takes, and the form of their values. Those that the chart sets by values of its
 * own, which stand under `propertyNames.if`, are left to its template: it says which value that is.
 */
export function withOptionsSchema<S extends ValuesSchema>(schema: S): S {
  const { config } = schema.properties;
  const setElsewhere = config.propertyNames.if.enum;
  const taken = OPTION_KEYS.flatMap((key) => {
    const { variable, kind, meaning } = optionRow(key);
    return variablesOf(key)
      .filter((name) => !setElsewhere.includes(name))
      .map((name) => [name, { description: meaning, type: TEXT, ...(name === variable ? kind.form : {}) }] as const);
  });
  const names = taken.map(([name]) => name);
  const propertyNames = { ...config.propertyNames, else: { enum: names } };
  return {
    ...schema,
    properties: {
      ...schema.properties,
      config: { ...config, propertyNames, properties: Object.fromEntries(taken) },
    },
  };
}
