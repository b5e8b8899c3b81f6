import { EventEmitter } from 'node:events';
import { beforeEach, expect, it } from 'vitest';
import { CommitGate } from '../../../src/spool/lmdb/commit-gate.js';
import type { Committing } from '../../../src/spool/lmdb/failed-commit.js';

/** An environment whose commits end when the test says so. */
class ScriptedEnvironment extends EventEmitter implements Committing {
  committed: Promise<boolean> = Promise.resolve(true);
  succeed: () => void = () => {};
  fail: (error: Error) => void = () => {};

  /** As lmdb-js does: the event, then in the same task the promise. */
  begin(): void {
    this.emit('beforecommit');
    this.committed = new Promise((resolve, reject) => {
      this.succeed = () => resolve(true);
      this.fail = reject;
    });
  }
}

let environment: ScriptedEnvironment;
let reasons: unknown[];
let gate: CommitGate;

beforeEach(() => {
  environment = new ScriptedEnvironment();
  reasons = [];
  gate = new CommitGate((reason) => reasons.push(reason));
  gate.follow(environment);
});

const nextTurn = () => new Promise(setImmediate);

/** What has been written in this way, in order. */
function writer(): { readonly done: string[]; write(what: string): Promise<void> } {
  const done: string[] = [];
  return {
    done,
    async write(what) {
      if (gate.opened !== undefined) await gate.opened;
      done.push(what);
    },
  };
}

it('lets writes of one turn through together, and those that come while they are committed when that is over', async () => {
  const { done, write } = writer();
  void write('a');
  void write('b');
  expect(done).toEqual(['a', 'b']);
  environment.begin();
  await nextTurn();
  void write('c');
  void write('d');
  await nextTurn();
  expect(done).toEqual(['a', 'b']);
  environment.succeed();
  await nextTurn();
  expect(done).toEqual(['a', 'b', 'c', 'd']);
  expect(gate.opened).toBeUndefined();
});

it('tells why a commit failed before it lets anything else through', async () => {
  const told: unknown[] = [];
  environment.begin();
  await nextTurn();
  const next = gate.opened?.then(() => told.push([...reasons]));
  const reason = new Error('input/output error');
  environment.fail(Object.assign(new Error('Commit failed'), { commitError: Promise.reject(reason) }));
  await next;
  expect(told).toEqual([[reason]]);
});

it('stays closed for a hold that came while a commit was on its way, and holds when that is over', async () => {
  const { done, write } = writer();
  environment.begin();
  await nextTurn();
  let release: (() => void) | undefined;
  void gate.hold().then((end) => {
    release = end;
  });
  void write('a');
  await nextTurn();
  expect(release).toBeUndefined();
  environment.succeed();
  await expect.poll(() => release).toBeDefined();
  expect(done).toEqual([]);
  release?.();
  await nextTurn();
  expect(done).toEqual(['a']);
});

it('lets one hold after the other, and those who wait in between have their turn first', async () => {
  const order: string[] = [];
  const first = await gate.hold();
  const second = gate.hold().then((end) => {
    order.push('second hold');
    end();
  });
  const write = gate.opened?.then(() => order.push('write'));
  first();
  await Promise.all([second, write]);
  expect(order).toEqual(['write', 'second hold']);
});

it('holds only when what was queued in the same turn is committed', async () => {
  // Queued, as lmdb-js does it, for the end of the turn.
  setImmediate(() => environment.begin());
  let isHeld = false;
  const held = gate.hold().then((end) => {
    isHeld = true;
    end();
  });
  await nextTurn();
  await nextTurn();
  expect(isHeld).toBe(false);
  environment.succeed();
  await held;
  expect(isHeld).toBe(true);
});
