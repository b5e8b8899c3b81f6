import { afterEach, expect, it } from 'vitest';
import { LateCalls } from '../../src/upstream/late-calls.js';
import { callOf, cleaner, cloud, RecordedAnswer } from './passed-calls.js';

afterEach(() => cleaner.run());

it('makes its client with the first call, and once', async () => {
  const client = await cloud((_request, response) => response.end('here'));
  let made = 0;
  const calls = new LateCalls(async () => {
    made++;
    return client;
  });
  calls.renewConnections();
  expect(made).toBe(0);
  const answers = [new RecordedAnswer(), new RecordedAnswer()];
  await Promise.all(answers.map((answer) => calls.pass(callOf(), answer)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  expect(made).toBe(1);
});

it('has a call fail whose client cannot be made, and tries again with the next', async () => {
  const client = await cloud((_request, response) => response.end('here'));
  let isBroken = true;
  const calls = new LateCalls(async () => {
    if (isBroken) throw new Error('no such file of certificates');
    return client;
  });
  const failed = new RecordedAnswer();
  await calls.pass(callOf(), failed);
  expect([failed.told, failed.reason]).toEqual([['failure'], 'no such file of certificates']);
  await calls.close();
  isBroken = false;
  const answer = new RecordedAnswer();
  await calls.pass(callOf(), answer);
  expect(answer.status).toBe(200);
});

it('ends the calls that are under way when it is closed, and has nothing to close before the first', async () => {
  let onAsked = (): void => {};
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve;
  });
  const client = await cloud(() => onAsked());
  const calls = new LateCalls(async () => client);
  await calls.close();
  const answer = new RecordedAnswer();
  const passing = calls.pass(callOf(), answer);
  await asked;
  await calls.close();
  await passing;
  expect(answer.told).toEqual(['failure']);
});
