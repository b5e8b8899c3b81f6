import type { Kind } from './kinds.js';

/** One option: everything the loader, the command line and the documentation know of it. */
export interface OptionRow<T> {
  /** Environment variable; the flag follows from it (contract 1.2). */
  readonly variable: `STATEWAY_${string}`;
  readonly kind: Kind<T>;
  /** The default as an operator would write it; undefined when the option is unset by default. */
  readonly default: string | undefined;
  /** What the documentation says instead of the default, where that depends on the machine or is no value. */
  readonly defaultInWords?: string;
  /** Never printed, not even in an error. */
  readonly secret?: true;
  /** The value is the path of a file that must be there and readable. */
  readonly isFile?: true;
  readonly meaning: string;
}

/** Keeps the types of the value and of "has a default", and checks the rest of the row. */
export function row<T, D extends string | undefined>(option: OptionRow<T> & { readonly default: D }) {
  return Object.freeze(option);
}
