import { expect, it } from 'vitest';
import { DenialCache } from '../../src/auth/denial-cache.js';
import { Grants } from '../../src/auth/grants.js';
import { Device } from '../../src/core/device.js';
import { collectGarbage } from '../../src/core/machine/heap-trim.js';
import type { OwnedSpool } from '../../src/core/spool-ports.js';
import { Lane } from '../../src/forward/lane/lane.js';
import { MemoryLedger } from '../../src/forward/lane/memory-ledger.js';
import { Pacing } from '../../src/forward/lane/pacing.js';
import { DueHeap } from '../../src/forward/schedule/queues.js';
import { BacklogDevices } from '../../src/spool/backlog/backlog-devices.js';
import { FakeClock } from '../helpers/fake-clock.js';

const DEVICES = 20_000;
const APPLICATION = 'a'.repeat(24);
const TOKEN_CHARACTERS = 350;
/** What docs/sizing.md says of these, 846 and 1,633 bytes, and some for how arrays and maps grow. */
const MOST_BYTES = { known: 920, inAnOutage: 1_760 };

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** A text of its own, and not a view of others. */
function textOf(characters: string): string {
  return Buffer.from(characters, 'latin1').toString('latin1');
}

it('a device takes less than a kilobyte of heap at rest, and less than two in an outage', () => {
  const clock = new FakeClock();
  const denials = new DenialCache(DEVICES, clock);
  const before = heapBytes();
  const grants = new Grants({ maxGrants: DEVICES, clock, cloudNowMs: () => undefined, denials });
  for (let n = 0; n < DEVICES; n++) {
    const token = textOf(`${n}.`.padEnd(TOKEN_CHARACTERS, 'x'));
    const deviceId = textOf(n.toString(16).padStart(24, '0'));
    const confirmedAtMs = clock.monotonicMs() - n / 3;
    grants.insert({ token, applicationId: APPLICATION, deviceId, kind: 'log-in', maySend: 'yes', confirmedAtMs });
  }
  const known = (heapBytes() - before) / DEVICES;

  const memory = new MemoryLedger();
  const spool = {} as OwnedSpool;
  const lanes = new Map<string, Lane>();
  const due = new DueHeap();
  const backlogs = new BacklogDevices();
  for (let n = 0; n < DEVICES; n++) {
    const [grant] = grants.sendersOf(new Device(APPLICATION, n.toString(16).padStart(24, '0')));
    if (grant === undefined) throw new Error('a grant is gone');
    const { device } = grant;
    const pacing = new Pacing({ requests: 30, windowMs: 15_000 });
    pacing.answered(n / 3);
    const lane = new Lane(device, spool, pacing, memory, { sequence: n, states: 0 }, n / 3);
    lane.remember(grant);
    lane.lastSeen.hear(n / 3);
    lane.sending(n / 3, 500);
    lane.addBacklog(3, n / 3);
    lanes.set(device.key, lane);
    due.put(lane, n / 3 + 500);
    backlogs.add(device, n, {
      offset: 0,
      byteLength: 300,
      states: 3,
      settledStates: 0,
      oldestStoredAtMs: n,
      pieceChecksum: 0,
    });
  }
  const inAnOutage = (heapBytes() - before) / DEVICES;
  expect([grants.size, lanes.size, backlogs.states]).toEqual([DEVICES, DEVICES, 3 * DEVICES]);
  expect(known).toBeLessThan(MOST_BYTES.known);
  expect(inAnOutage).toBeLessThan(MOST_BYTES.inAnOutage);
});
