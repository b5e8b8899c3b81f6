import { beforeEach, expect, it } from 'vitest';
import { CloudTime } from '../../src/auth/cloud-time.js';
import { Device } from '../../src/core/device.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { FakeCloud } from './fake-cloud.js';

const DEVICE = new Device('abcdef0123456789abcdef01', 'fedcba9876543210fedcba98');
const DATE_MS = Date.UTC(2030, 0, 1);

let clock: FakeClock;
let cloud: FakeCloud;
let time: CloudTime;

beforeEach(() => {
  clock = new FakeClock();
  cloud = new FakeCloud();
  time = new CloudTime(cloud, clock);
});

async function ask(dateMs: number | undefined): Promise<void> {
  cloud.dateMs = dateMs;
  const asking = time.askForDevice(DEVICE, 'token');
  cloud.questions.at(-1)?.answer(404);
  await asking;
}

it('knows nothing before the cloud has said something, nor by an answer without a Date', async () => {
  expect(time.nowMs()).toBeUndefined();
  await ask(undefined);
  expect(time.nowMs()).toBeUndefined();
});

it('goes on from what the cloud said last, whatever becomes of the wall clock', async () => {
  await ask(DATE_MS);
  clock.jumpWall(-1_000_000_000);
  await clock.advance(5_000);
  expect(time.nowMs()).toBe(DATE_MS + 5_000);
  cloud.dateMs = DATE_MS + 60_000;
  cloud.logInAnswer = { status: 401, contentType: '', body: Buffer.from('{"type":"Unauthorized","message":"no"}') };
  await time.logIn(Buffer.from('{}'), { target: '/auth/device', headers: [] });
  expect(time.nowMs()).toBe(DATE_MS + 60_000);
});

it('learns nothing where the cloud cannot be asked', async () => {
  const asking = time.askForDevice(DEVICE, 'token');
  cloud.questions[0]?.fail();
  expect((await asking).kind).toBe('failure');
  expect(time.nowMs()).toBeUndefined();
});
