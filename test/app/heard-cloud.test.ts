import { expect, it } from 'vitest';
import { HeardCloud } from '../../src/app/heard-cloud.js';
import type { AskResult, CloudClient, SendResult } from '../../src/core/cloud-port.js';
import { Device } from '../../src/core/device.js';
import { Timekeeper } from '../../src/core/time/timekeeper.js';
import { FakeClock } from '../helpers/fake-clock.js';

const LOST: SendResult = { kind: 'failure', mayArriveLater: true, openMs: 0, reason: 'timeout', words: '' };

it('hands states on with all that is said of them', async () => {
  const sent: unknown[] = [];
  const heard: unknown[] = [];
  const sending: Pick<CloudClient, 'bodyMemory' | 'sendStates'> = {
    bodyMemory: (byteLength) => Buffer.alloc(byteLength),
    async sendStates(...call) {
      sent.push(call);
      return LOST;
    },
  };
  const asking = {} as ConstructorParameters<typeof HeardCloud>[0];
  const cloud = new HeardCloud(asking, sending, new Timekeeper(new FakeClock(), 1), {
    note: (...noted) => void heard.push(noted),
  });
  const device = new Device('5'.repeat(24), 'a'.repeat(24));
  const body = Buffer.from('[]');
  for (const mayListen of [true, false]) await cloud.sendStates(device, 't', body, mayListen);
  expect(sent).toEqual([
    [device, 't', body, true],
    [device, 't', body, false],
  ]);
  expect(heard).toEqual([
    ['states', LOST],
    ['states', LOST],
  ]);
});

/** A cloud whose every answer has this `Date`, an hour from the clock's or none. */
function datedCloud(isDated: boolean) {
  const clock = new FakeClock();
  const timekeeper = new Timekeeper(clock, 1);
  const [dateMs, nowMs] = [isDated ? clock.wallMs() - 3_600_000 : undefined, clock.monotonicMs()];
  const cloudDate = { dateMs, sentMs: nowMs, heardMs: nowMs };
  const answer = async (): Promise<AskResult> => ({ kind: 'answer', status: 401, message: 'no', cloudDate });
  const asking = { greet: answer, checkDevice: answer } as unknown as ConstructorParameters<typeof HeardCloud>[0];
  const sending = {} as ConstructorParameters<typeof HeardCloud>[1];
  return { timekeeper, cloud: new HeardCloud(asking, sending, timekeeper, { note: () => {} }) };
}

it('takes the time from an answer to a greeting too', async () => {
  const { timekeeper, cloud } = datedCloud(true);
  await cloud.greet();
  expect([timekeeper.canDecide, Math.round((timekeeper.skewMs as number) / 60_000)]).toEqual([true, 60]);
});

it('takes a greeting for no word that the cloud tells no time', async () => {
  const { timekeeper, cloud } = datedCloud(false);
  await cloud.greet();
  expect(timekeeper.canDecide).toBe(false);
  await cloud.checkDevice(new Device('5'.repeat(24), 'a'.repeat(24)), 't');
  expect(timekeeper.canDecide).toBe(true);
});
