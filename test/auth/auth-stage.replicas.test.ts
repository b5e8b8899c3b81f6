import { beforeEach, describe, expect, it } from 'vitest';
import { AuthSite, CHECKED_BY_MS, deviceId } from './auth-site.js';
import { MemoryTable } from './memory-table.js';
import { tokenOf } from './tokens.js';

type Listener = (key: string, value: Uint8Array | undefined) => void;

/** A table with the same rows as others, each of which tells of what the others write. */
class SharedMemoryTable extends MemoryTable {
  override readonly isShared = true;
  readonly #all: SharedMemoryTable[];
  #listener: Listener = () => {};

  constructor(all: SharedMemoryTable[]) {
    super();
    this.#all = all;
    for (const [key, value] of all[0]?.rows ?? []) this.rows.set(key, value);
    all.push(this);
  }

  override onChange(listener: Listener = () => {}): void {
    this.#listener = listener;
  }

  override async put(key: string, value: Uint8Array): Promise<void> {
    await super.put(key, value);
    for (const other of this.#others()) other.#take(key, value);
  }

  override async remove(key: string): Promise<void> {
    await super.remove(key);
    for (const other of this.#others()) other.#take(key, undefined);
  }

  #others(): SharedMemoryTable[] {
    return this.#all.filter((table) => table !== this);
  }

  #take(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.rows.delete(key);
    else this.rows.set(key, value);
    this.#listener(key, value);
  }
}

const TOKEN = tokenOf('a device');
/** Until rows are written. */
const WRITTEN_BY_MS = 100;

let here: AuthSite;
let there: AuthSite;

beforeEach(async () => {
  const tables: SharedMemoryTable[] = [];
  here = new AuthSite(new SharedMemoryTable(tables));
  // The row that says which secret key is in use.
  await here.clock.advance(WRITTEN_BY_MS);
  there = new AuthSite(new SharedMemoryTable(tables));
});

describe('replicas with the same rows', () => {
  it('know the grants that another has learnt, and offer them to their lanes', async () => {
    await here.logIn(TOKEN);
    expect(there.find(TOKEN)).toBeUndefined();
    await here.clock.advance(WRITTEN_BY_MS);
    expect(there.find(TOKEN)?.device.deviceId).toBe(deviceId(1));
    expect(there.offered.map(({ token }) => token)).toEqual([TOKEN]);
    expect(there.cloud.questions).toHaveLength(0);
  });

  it('answer a log-in that another has passed on while the cloud is away', async () => {
    await here.logIn(TOKEN);
    expect(await there.tryLogIn()).toBe(503);
    await here.clock.advance(WRITTEN_BY_MS);
    expect(await there.tryLogIn()).toBe(200);
  });

  it('have the cloud say whether a grant still holds that has ended elsewhere', async () => {
    await here.logIn(TOKEN);
    await here.clock.advance(WRITTEN_BY_MS);
    await here.clock.advance(CHECKED_BY_MS);
    expect(here.find(TOKEN)).toBeDefined();
    await here.clock.advance(CHECKED_BY_MS);
    here.cloud.questions.at(-1)?.answer(401);
    await here.clock.advance(WRITTEN_BY_MS);
    expect(here.find(TOKEN)).toBeUndefined();
    const asked = there.cloud.questions.length;
    await there.clock.advance(CHECKED_BY_MS / 5);
    expect(there.cloud.questions.length).toBe(asked + 1);
    there.cloud.questions.at(-1)?.answer(401);
    await there.clock.advance(0);
    expect(there.find(TOKEN)).toBeUndefined();
  });
});
