import { expect, it } from 'vitest';
import { DatedCloud } from '../../src/app/dated-cloud.js';
import type { SendResult } from '../../src/core/cloud-results.js';
import { Device } from '../../src/core/device.js';
import type { CloudClient } from '../../src/core/ports.js';
import { Timekeeper } from '../../src/core/timekeeper.js';
import { FakeClock } from '../helpers/fake-clock.js';

const LOST: SendResult = { kind: 'failure', mayArriveLater: true, openMs: 0, reason: 'timeout', words: '' };

it('hands states on with all that is said of them', async () => {
  const sent: unknown[] = [];
  const sending: Pick<CloudClient, 'bodyMemory' | 'sendStates'> = {
    bodyMemory: (byteLength) => Buffer.alloc(byteLength),
    async sendStates(...call) {
      sent.push(call);
      return LOST;
    },
  };
  const asking = {} as ConstructorParameters<typeof DatedCloud>[0];
  const cloud = new DatedCloud(asking, sending, new Timekeeper(new FakeClock(), 1));
  const device = new Device('5'.repeat(24), 'a'.repeat(24));
  const body = Buffer.from('[]');
  for (const mayListen of [true, false]) await cloud.sendStates(device, 't', body, mayListen);
  expect(sent).toEqual([
    [device, 't', body, true],
    [device, 't', body, false],
  ]);
});
