import { join } from 'node:path';
import { checkDataFile } from '../lmdb/data-file.js';
import { type Environment, openBeside } from '../lmdb/environment.js';
import { copiedParts, countUnreadable, type ItemKind, unreadableName } from '../lmdb/unreadable-items.js';
import { inQuietMoment } from './quiet-moment.js';

/** Something that could not be read, in words for people. */
export interface UnreadablePart {
  /** What it is and where it stands. */
  readonly item: string;
  readonly reason: string;
}

/** What a look into a data directory could not read. */
export interface UnreadableParts {
  /** Kept by the proxy when it came upon them. */
  readonly setAside: number;
  /** Found by this look, each once. */
  readonly found: readonly UnreadablePart[];
}

/** Collects what a look into a data directory cannot read, and no proxy has set aside yet. */
export class DamageBeside {
  readonly #environment: Environment;
  readonly #found = new Map<string, string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** @param key of a row; of a part of the journal, where that stands */
  add(kind: ItemKind, key: Buffer | string, reason: string): void {
    const name = unreadableName({ kind, key: typeof key === 'string' ? key : key.toString('hex') });
    this.#found.set(name, reason);
  }

  /** All until now. */
  get parts(): UnreadableParts {
    const { unreadable } = this.#environment;
    unreadable.resetReadTxn();
    const copied = copiedParts(unreadable);
    const found = [...this.#found].map(([item, reason]) => ({ item, reason })).filter(({ item }) => !copied.has(item));
    return { setAside: countUnreadable(unreadable), found };
  }
}

/**
 * Looks at a data directory with a spool in it as a start would, and changes nothing.
 * @returns whether a proxy runs on it: then its files are in motion, and only their format is looked at
 * @throws Error saying why a proxy could not start on it
 */
export function lookWhole(directory: string): Promise<boolean> {
  return inQuietMoment(directory, async (isServed) => {
    const { root } = await openBeside(directory, isServed);
    await root?.close();
    if (!isServed) checkDataFile(join(directory, 'grants'));
    return isServed;
  });
}
