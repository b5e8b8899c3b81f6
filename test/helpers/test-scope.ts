import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, aroundEach, beforeAll, type ExpectStatic, expect as expectOfVitest, onTestFinished } from 'vitest';

/** Something to be done when a test, or a suite, is over. */
export type EndTask = () => void | Promise<void>;

/** What ends with whatever runs, and how it asserts. */
interface Scope {
  onTestFinished(task: EndTask): void;
  readonly expect?: ExpectStatic;
}

/**
 * The test that runs. Vitest's own `onTestFinished` and `expect` go by a variable of the module, which is right for one test
 * at a time: where several run at once, it is the one that began last, or none when any of them has ended.
 */
const running = new AsyncLocalStorage<Scope>();

aroundEach((runTest, context) => running.run(context, runTest));

/** Has something done when the running test is over, the last first; also where tests run at once. */
export function atEnd(task: EndTask): void {
  const scope = running.getStore();
  if (scope === undefined) onTestFinished(task);
  else scope.onTestFinished(task);
}

const expectNow = (): ExpectStatic => running.getStore()?.expect ?? expectOfVitest;

/** Vitest's, also where tests run at once. */
export const expect: ExpectStatic = new Proxy(expectOfVitest, {
  apply: (_expect, self, words) => Reflect.apply(expectNow(), self, words),
  get: (_expect, name) => Reflect.get(expectNow(), name),
});

/**
 * What all tests of a suite have in common, for those that leave nothing behind in it.
 * @param open run before the first of them; what it leaves to {@link atEnd} is done after the last
 * @returns what gives it, to be called by the tests
 */
export function sharedByTests<Shared>(open: () => Promise<Shared>): () => Shared {
  const tasks: EndTask[] = [];
  let shared: Shared | undefined;
  beforeAll(async () => {
    shared = await running.run({ onTestFinished: (task) => void tasks.push(task) }, open);
  });
  afterAll(async () => {
    for (const task of tasks.reverse()) await task();
  });
  return () => shared as Shared;
}
