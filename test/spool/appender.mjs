/**
 * A process of its own that appends one record again and again, for tests that kill it, watch its system calls or take
 * its disk away. Arguments: what to do, the spool's directory, a file that holds the record. What it says goes out at
 * once, so that each line stands for what was true when it was written.
 */
import { readFileSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { readBootTag, systemClock } from '../../dist/src/core/time/clock.js';
import { LmdbSpool } from '../../dist/src/spool/lmdb-spool.js';
import { RecordView } from '../../dist/src/state/record-layout.js';

const APPENDS_PER_TURN = 20;
const TURNS = 3;

const [task, directory, recordFile] = process.argv.slice(2);
const record = Uint8Array.from(readFileSync(recordFile));
const spool = await LmdbSpool.open({ directory, clock: systemClock, bootTag: readBootTag() });
let readRecords = 0;
await spool.open();
spool.read(() => readRecords++);
const leftAtStart = readRecords;

const say = (line) => writeSync(1, `${line}\n`);

async function appendAndSay() {
  const sequence = await spool.append(record, Number.NEGATIVE_INFINITY);
  say(`stored ${sequence}`);
  return sequence;
}

const tasks = {
  /** Appends from many sides until it is killed. */
  async forever() {
    const oneAfterTheOther = async () => {
      for (;;) await appendAndSay();
    };
    await Promise.all(Array.from({ length: 8 }, oneAfterTheOther));
  },

  /** A few turns of the event loop with many appends each. */
  async inTurns() {
    for (let turn = 0; turn < TURNS; turn++) {
      say('turn begins');
      await Promise.all(Array.from({ length: APPENDS_PER_TURN }, () => spool.append(record, Number.NEGATIVE_INFINITY)));
      say('turn stored');
    }
  },

  /** Appends until the disk is full, makes room by settling half, and appends once more when there is said to be room. */
  async untilFull() {
    const sequences = [];
    try {
      for (;;) sequences.push(await appendAndSay());
    } catch (error) {
      say(`refused ${error.code}`);
    }
    const device = new RecordView(record).chunkDevice(0);
    for (const sequence of sequences.splice(0, sequences.length / 2)) {
      const watermark = { sequence: sequence + 1, states: 0 };
      await spool.settle({
        device,
        watermark,
        finishedSequences: [sequence],
        states: 1,
        sends: { count: 1, windowMs: 15_000, untilMs: 0 },
      });
      say(`settled ${sequence}`);
    }
    while (spool.isFull !== undefined) await setTimeout(100);
    await appendAndSay();
  },
};

if (leftAtStart > 0) throw new Error('the directory is not empty');
await tasks[task]();
await spool.close();
