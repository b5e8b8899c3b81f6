import { ConfigError } from './config-error.js';
import { readSecretFile, withoutNewlineAtEnd } from './option-file.js';
import { fileVariableOf, flagOf, type OptionKey, optionRow } from './options.js';

/** Where a value came from; that of a secret which a file holds, with the file's path. */
export type Source = 'flag' | 'environment' | 'default' | `file ${string}`;

/** Text given by flags, under the key of the option; other keys are left alone. */
export type FlagTexts = Readonly<Record<string, unknown>>;

/** A text to be read, and the name by which its giver knows it. */
export interface Given {
  readonly name: string;
  readonly text: string;
  readonly source: Source;
}

/**
 * The text that counts for an option (contract 1.2): a flag beats the environment, which beats the default. A secret may
 * be given at either place by itself or by a file that holds it, and its newline at the end never counts.
 * @returns undefined when the option is unset
 * @throws ConfigError when a secret is given in both ways at one place, or its file cannot be read
 */
export function givenText(key: OptionKey, env: NodeJS.ProcessEnv, flags: FlagTexts): Given | undefined {
  const { variable, default: fallback } = optionRow(key);
  const fileVariable = fileVariableOf(key);
  const byFlag = inOneWay(
    textAt(flags, key, flagOf(variable), 'flag'),
    fileVariable === undefined ? undefined : textAt(flags, `${key}File`, flagOf(fileVariable), 'flag'),
  );
  if (byFlag !== undefined) return read(key, byFlag);
  const byVariable = inOneWay(
    textAt(env, variable, variable, 'environment'),
    fileVariable === undefined ? undefined : textAt(env, fileVariable, fileVariable, 'environment'),
  );
  if (byVariable !== undefined) return read(key, byVariable);
  return fallback === undefined ? undefined : { name: variable, text: fallback, source: 'default' };
}

/** A text as it was given, before a file that it names is read. */
interface Way {
  readonly given: Given;
  readonly isFile: boolean;
}

function textAt(
  texts: Readonly<Record<string, unknown>>,
  field: string,
  name: string,
  source: Source,
): Given | undefined {
  const text = Object.hasOwn(texts, field) ? texts[field] : undefined;
  return text === undefined ? undefined : { name, text: String(text), source };
}

function inOneWay(itself: Given | undefined, file: Given | undefined): Way | undefined {
  if (itself !== undefined && file !== undefined) {
    throw new ConfigError(`${itself.name} and ${file.name} are both set; allowed is one of them`);
  }
  if (file !== undefined) return { given: file, isFile: true };
  return itself && { given: itself, isFile: false };
}

function read(key: OptionKey, { given, isFile }: Way): Given {
  const { secret, kind } = optionRow(key);
  const { name, text: path } = given;
  if (isFile) return { name, text: readSecretFile(name, path, kind.allowed), source: `file ${path}` };
  return secret ? { ...given, text: withoutNewlineAtEnd(path) } : given;
}
