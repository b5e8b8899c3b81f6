import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inForm, measured, notHere } from '../helpers/fault-form.js';
import { portOf } from '../helpers/fault-process.js';
import { type AtEnd, FaultSite, freshDirectory } from '../helpers/fault-site.js';
import {
  parseTrace,
  reasonNotToTrace,
  syncingDescriptors,
  type TracedCall,
  traceWhile,
} from '../helpers/fault-trace.js';
import { call } from '../helpers/http-client.js';
import { TestSocket } from '../helpers/test-socket.js';

const DATA_FILE = 'data.mdb';
const ANSWERS = inForm({ short: 10, long: 200 });
const TIMEOUT_MS = inForm({ short: 90_000, long: 120_000 });

/** How the answer to the state with this mark came about; what is missing in words, nothing when all is in order. */
function missingBefore(calls: readonly TracedCall[], mark: string, answer: TracedCall, syncing: readonly number[]) {
  const toData = calls.filter(({ name, text }) => isOn(text, DATA_FILE) && name !== 'sendto' && name !== 'sendmsg');
  const written = toData.filter(({ text, returnedAt }) => text.includes(mark) && returnedAt < answer.enteredAt);
  const first = written[0];
  if (first === undefined) return `${mark} was answered before it was written`;
  const synced = toData.find(
    ({ name, enteredAt, returnedAt, succeeded }) =>
      /^f(?:data)?sync$/.test(name) && succeeded && enteredAt > first.returnedAt && returnedAt < answer.enteredAt,
  );
  if (synced === undefined) return `${mark} was answered before it was synced`;
  // What makes the pages count is written behind them, on a descriptor whose writes are syncs.
  const committed = toData.some(
    ({ name, text, enteredAt, returnedAt, succeeded }) =>
      /^p?write/.test(name) &&
      succeeded &&
      syncing.includes(descriptorOf(text)) &&
      enteredAt > synced.returnedAt &&
      returnedAt < answer.enteredAt,
  );
  return committed ? undefined : `${mark} was answered before it was committed`;
}

function descriptorOf(text: string): number {
  return Number.parseInt(text, 10);
}

function isOn(text: string, fileName: string): boolean {
  return /^\d+<([^>]*)>/.exec(text)?.[1]?.endsWith(`/${fileName}`) ?? false;
}

/** Sends one state after another while the proxy is watched, and says for each answer what had not been done. */
async function watch(
  atEnd: AtEnd,
  isAnswer: (call: TracedCall) => boolean,
  send: (site: FaultSite) => Promise<(mark: string) => Promise<void>>,
): Promise<string[]> {
  const site = await FaultSite.open(atEnd, { devices: 1 });
  const sendOne = await send(site);
  const marks = Array.from({ length: ANSWERS }, (_, i) => `mark-${i}-`);
  const pid = site.proxy.process.pid as number;
  const calls = await traceWhile(pid, join(freshDirectory(atEnd), 'trace'), async () => {
    for (const mark of marks) await sendOne(mark);
  });
  const answers = calls.filter(isAnswer);
  expect(answers.length).toBe(ANSWERS);
  const syncing = syncingDescriptors(pid, DATA_FILE);
  return marks.flatMap((mark, i) => missingBefore(calls, mark, answers[i] as TracedCall, syncing) ?? []);
}

function stateWith(mark: string): string {
  return JSON.stringify({ data: { mark } });
}

function pathOf({ accounts }: FaultSite): string {
  const { applicationId, deviceId } = (accounts[0] as (typeof accounts)[number]).device;
  return `/applications/${applicationId}/devices/${deviceId}/state`;
}

describe('seen from outside the process, an answer leaves after the data is synced', () => {
  const reason = reasonNotToTrace();

  test('over HTTP', { timeout: TIMEOUT_MS }, async ({ onTestFinished, skip }) => {
    if (reason !== undefined) return skip(notHere('the watching of system calls', reason));
    const missing = await watch(
      onTestFinished,
      ({ name, text }) => /^send/.test(name) && text.includes('"HTTP/1.1 200'),
      async (site) => async (mark) => {
        const headers = { authorization: `Bearer ${site.accounts[0]?.token}`, 'content-type': 'application/json' };
        const answer = await call(portOf(site.proxy), pathOf(site), { headers, body: stateWith(mark) });
        expect(answer.status).toBe(200);
      },
    );
    measured('answers by HTTP after their sync', { answers: ANSWERS, early: missing.length });
    expect(missing).toEqual([]);
  });

  test('over a WebSocket', { timeout: TIMEOUT_MS }, async ({ onTestFinished, skip }) => {
    if (reason !== undefined) return skip(notHere('the watching of system calls', reason));
    const missing = await watch(
      onTestFinished,
      ({ name, text }) => /^send/.test(name) && /\{\\"ack\\":\d+\}/.test(text),
      async (site) => {
        const socket = await TestSocket.open(site.proxy.socketUrl + pathOf(site), site.accounts[0]?.token as string);
        let frames = 0;
        return async (mark) => {
          socket.send(stateWith(mark));
          await socket.untilAcknowledged(++frames);
        };
      },
    );
    measured('answers by WebSocket after their sync', { answers: ANSWERS, early: missing.length });
    expect(missing).toEqual([]);
  });

  test.each([
    ['before it was written', [], 'answered before it was written'],
    ['before the sync', ['write'], 'answered before it was synced'],
    ['while the sync is under way', ['write', 'sync begins'], 'answered before it was synced'],
    ['before the commit', ['write', 'sync'], 'answered before it was committed'],
    ['in time', ['write', 'sync', 'commit'], undefined],
  ])('and an answer %s would be noticed', (_when, steps, expected) => {
    const lines: Record<string, string> = {
      write: '7 pwrite64(19</d/data.mdb>, "..mark-0-..", 4096, 0) = 4096',
      sync: '7 fdatasync(19</d/data.mdb>) = 0',
      'sync begins': '7 fdatasync(19</d/data.mdb> <unfinished ...>',
      commit: '7 pwrite64(20</d/data.mdb>, "..", 4096, 0) = 4096',
    };
    const trace = [
      ...steps.map((step) => lines[step]),
      '3 sendto(28<socket:[1]>, "HTTP/1.1 200 OK", 156, 0, NULL, 0) = 156',
      '7 <... fdatasync resumed>) = 0',
      lines.write,
      lines.sync,
      lines.commit,
    ].join('\n');
    const calls = parseTrace(trace);
    const answer = calls.find(({ name }) => name === 'sendto') as TracedCall;
    expect(missingBefore(calls, 'mark-0-', answer, [20])?.slice('mark-0- was '.length)).toBe(expected);
  });

  test('and an answer is seen though the watching ended before it had left', () => {
    const [sync, answer] = parseTrace(
      [
        '7 fdatasync(19</d/data.mdb>) = 0',
        '3 sendto(28<socket:[1]>, "HTTP/1.1 200 OK", 156, 0, NULL, 0 <detached ...>',
      ].join('\n'),
    );
    expect(answer).toMatchObject({ name: 'sendto', enteredAt: 1, succeeded: false });
    expect(answer?.text).toContain('"HTTP/1.1 200');
    expect(sync?.succeeded).toBe(true);
  });
});
