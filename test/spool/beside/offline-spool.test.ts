import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Settlement, Spill } from '../../../src/core/spool-ports.js';
import { OfflineSpool } from '../../../src/spool/beside/offline-spool.js';
import { HELD, HOLD } from '../../../src/spool/disk/directory-lock.js';
import { ProcessSocket } from '../../../src/spool/disk/process-socket.js';
import { LmdbSpool } from '../../../src/spool/lmdb-spool.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { endNow, startChild } from '../../helpers/program.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { append, BOOT_TAG, DEVICE_A, drain, recordOf } from '../contract.js';
import { WaitingDevice } from '../waiting-device.js';

const APPENDER_FILE = fileURLToPath(new URL('../appender.mjs', import.meta.url));
/** While the proxy goes on committing, so many undo one or have all later ones refused in two runs of three. */
const LOOKS = 1_000;
const RECORD = recordOf(new Map([[DEVICE_A, 1]]), 1, 200);

describe('a look into the directory of a proxy that stores', () => {
  it('undoes none of its commits', { timeout: 120_000 }, async () => {
    const { directory, child, stored } = startAppender();
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    for (let look = 0; look < LOOKS; look++) await (await OfflineSpool.open(directory)).close();
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(stored.length).toBeGreaterThan(LOOKS);
    const replayed = new Set((await drain(await openSpool(directory))).map(({ sequence }) => sequence));
    expect(stored.filter((sequence) => !replayed.has(sequence))).toEqual([]);
  });

  it('is refused with a word when that proxy does not answer', async () => {
    const { directory, child } = startAppender();
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGSTOP');
    const opened = OfflineSpool.open(directory);
    await expect(opened).rejects.toThrow(`process ${child.pid} has the data directory and does not answer`);
  });
});

it('a look sees what was stored, settled and moved until then, in the journal, in LMDB or in both', async () => {
  const directory = temporaryDirectory();
  const spool = await openSpool(directory);
  const waiting = new WaitingDevice(DEVICE_A);
  for (let i = 0; i < 4; i++) {
    const sequence = await append(spool, RECORD);
    waiting.add(sequence, RECORD);
  }
  const statesSeen = async () => {
    const beside = await OfflineSpool.open(directory);
    const states = [...(await beside.records())].length;
    expect(await beside.status()).toMatchObject({ states, unreadableRecords: 0 });
    await beside.close();
    return states;
  };
  expect(await statesSeen()).toBe(4);
  await spool.settle(waiting.settle(1) as Settlement);
  expect(await statesSeen()).toBe(3);
  await spool.spill(waiting.spill(1) as Spill);
  expect(await statesSeen()).toBe(3);
  await spool.settle(waiting.settle(1) as Settlement);
  expect(await statesSeen()).toBe(2);
  const early = await OfflineSpool.open(directory);
  const records = await early.records();
  // What becomes of it after it was found is not seen twice.
  await spool.spill(waiting.spill(1) as Spill);
  expect([...records]).toHaveLength(2);
  await early.close();
  await spool.close();
  expect(await statesSeen()).toBe(2);
});

describe('while a process opens the spool beside the proxy', () => {
  it('LMDB commits nothing, and afterwards everything; the journal goes on', async () => {
    const directory = temporaryDirectory();
    const spool = await openSpool(directory);
    const waiting = new WaitingDevice(DEVICE_A);
    for (let i = 0; i < 2; i++) {
      const sequence = await append(spool, RECORD);
      waiting.add(sequence, RECORD);
    }
    const other = await holdCommits(directory);
    const events: string[] = [];
    const note = (event: string) => () => void events.push(event);
    await spool.settle(waiting.settle(1) as Settlement).then(note('settled'));
    const spilled = spool.spill(waiting.spill(1) as Spill).then(note('spilled'));
    const third = await append(spool, RECORD);
    note('third')();
    await timeForCommits(directory);
    events.push('opened');
    other.destroy();
    await spilled;
    expect(events).toEqual(['settled', 'third', 'opened', 'spilled']);
    await spool.close();
    const next = await openSpool(directory);
    expect((await drain(next)).map(({ sequence }) => sequence)).toEqual([third]);
    expect(next.status().states).toBe(2);
  });

  it('another that would open it waits', async () => {
    const directory = temporaryDirectory();
    await openSpool(directory);
    const other = await holdCommits(directory);
    const events: string[] = [];
    const opened = OfflineSpool.open(directory).then((beside) => {
      events.push('opened');
      return beside;
    });
    await timeForCommits(directory);
    events.push('the first has opened');
    other.destroy();
    await (await opened).close();
    expect(events).toEqual(['the first has opened', 'opened']);
  });

  it('the proxy waits no longer than 5 seconds', async () => {
    const directory = temporaryDirectory();
    const spool = await openSpool(directory);
    const waiting = new WaitingDevice(DEVICE_A);
    const sequence = await append(spool, RECORD);
    waiting.add(sequence, RECORD);
    const other = await holdCommits(directory);
    await Promise.all([once(other, 'close'), spool.spill(waiting.spill(1) as Spill)]);
    expect([...(await spool.open()).backlogs]).toHaveLength(1);
  });
});

it('a proxy that starts waits for those who look while nobody has the directory', async () => {
  const directory = temporaryDirectory();
  const looking = await ProcessSocket.listen(directory, 'looking', () => {});
  const events: string[] = [];
  const opening = openSpool(directory).then((spool) => {
    events.push('started');
    return spool;
  });
  await timeForCommits(directory);
  events.push('looked');
  await looking.close();
  await opening;
  expect(events).toEqual(['looked', 'started']);
});

it('a proxy that starts passes over the socket of one who was killed while he looked', async () => {
  const directory = temporaryDirectory();
  const name = 'looking-1@gone-0123456789ab.sock';
  writeFileSync(join(directory, name), '');
  await openSpool(directory);
  expect(readdirSync(directory)).not.toContain(name);
});

async function openSpool(directory: string): Promise<LmdbSpool> {
  const spool = await LmdbSpool.open({ directory, clock: new FakeClock(), bootTag: BOOT_TAG });
  onTestFinished(() => spool.close().catch(() => {}));
  return spool;
}

/** A process that stores records, until it is killed, in a directory of its own; and the numbers it said it stored. */
function startAppender(): { directory: string; child: ChildProcess; stored: number[] } {
  const room = temporaryDirectory();
  const [directory, recordFile] = [join(room, 'spool'), join(room, 'record')];
  writeFileSync(recordFile, RECORD);
  const args = [APPENDER_FILE, 'forever', directory, recordFile];
  const child = startChild([process.execPath, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => endNow(child));
  const stored: number[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => stored.push(Number(/\d+$/.exec(line)?.[0])));
  return { directory, child, stored };
}

/** Has the proxy hold its commits back, as one that opens the spool does, until the socket is closed. */
async function holdCommits(directory: string): Promise<Socket> {
  const name = readdirSync(directory).find((file) => file.startsWith('serving-')) as string;
  const socket = createConnection(join(directory, name));
  onTestFinished(() => void socket.destroy());
  socket.write(HOLD);
  let heard = '';
  while (!heard.endsWith(HELD)) heard += String((await once(socket, 'data'))[0]);
  return socket;
}

/** Syncs the same disk often enough that a commit which was on its way would have been made. */
async function timeForCommits(directory: string): Promise<void> {
  const file = await open(join(directory, 'other'), 'w');
  for (let sync = 0; sync < 20; sync++) {
    await file.write('x');
    await file.datasync();
  }
  await file.close();
}
