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
import { connectPacket, mqttPort, publishPacket, RawMqtt } from '../helpers/mqtt-clients.js';
import { TestSocket } from '../helpers/test-socket.js';

/** Of the journal: what stands there is read back. */
const SEGMENT = /\/journal\/\d+\.seg$/;
const ANSWERS = inForm({ short: 10, long: 200 });
const TIMEOUT_MS = inForm({ short: 90_000, long: 120_000 });

/** How the answer to the state with this mark came about; what is missing in words, nothing when all is in order. */
function missingBefore(calls: readonly TracedCall[], mark: string, answer: TracedCall, syncing: readonly number[]) {
  const written = calls.filter(
    ({ name, text, returnedAt, succeeded }) =>
      /^p?write/.test(name) && isOnSegment(text) && text.includes(mark) && succeeded && returnedAt < answer.enteredAt,
  );
  if (written.length === 0) return `${mark} was answered before it was written`;
  // On such a descriptor a write returns when its bytes are on the disk (open(2), O_DSYNC).
  const isSynced = written.some(({ text }) => syncing.includes(Number.parseInt(text, 10)));
  return isSynced ? undefined : `${mark} was answered before it was synced`;
}

function isOnSegment(text: string): boolean {
  return SEGMENT.test(/^\d+<([^>]*)>/.exec(text)?.[1] ?? '');
}

/** Sends one state after another while the proxy is watched, and says for each answer what had not been done. */
async function watch(
  atEnd: AtEnd,
  isAnswer: (call: TracedCall) => boolean,
  send: (site: FaultSite) => Promise<(mark: string) => Promise<void>>,
): Promise<string[]> {
  const site = await FaultSite.open(atEnd, { devices: 1, env: { STATEWAY_MQTT_LISTEN: '127.0.0.1:0' } });
  const sendOne = await send(site);
  const marks = Array.from({ length: ANSWERS }, (_, i) => `mark-${i}-`);
  const pid = site.proxy.process.pid as number;
  const calls = await traceWhile(pid, join(freshDirectory(atEnd), 'trace'), async () => {
    for (const mark of marks) await sendOne(mark);
  });
  const answers = calls.filter(isAnswer);
  expect(answers.length).toBe(ANSWERS);
  const syncing = syncingDescriptors(pid, SEGMENT);
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

  test('over MQTT', { timeout: TIMEOUT_MS }, async ({ onTestFinished, skip }) => {
    if (reason !== undefined) return skip(notHere('the watching of system calls', reason));
    const missing = await watch(
      onTestFinished,
      // A PUBACK is 0x40, 2 and the packet's identifier.
      ({ name, text }) => /^(?:write|send)/.test(name) && /, "@\\2|iov_base="@\\2/.test(text),
      async (site) => {
        const { device } = site.accounts[0] as (typeof site.accounts)[number];
        const raw = await RawMqtt.open(mqttPort(site.proxy));
        await raw.send(connectPacket(device));
        expect(await raw.next()).toMatchObject({ cmd: 'connack', returnCode: 0 });
        let sent = 0;
        return async (mark) => {
          const messageId = ++sent;
          await raw.send(publishPacket(device, stateWith(mark), messageId));
          expect(await raw.next()).toMatchObject({ cmd: 'puback', messageId });
        };
      },
    );
    measured('PUBACKs after their sync', { answers: ANSWERS, early: missing.length });
    expect(missing).toEqual([]);
  });

  test.each([
    ['before it was written', [], 'answered before it was written'],
    ['while the write is under way', ['begins'], 'answered before it was written'],
    ['after a write that failed', ['fails'], 'answered before it was written'],
    ['after a write to another file', ['other'], 'answered before it was written'],
    ['after a write that is no sync', ['plain'], 'answered before it was synced'],
    ['in time', ['synced'], undefined],
  ])('and an answer %s would be noticed', (_when, steps, expected) => {
    const lines: Record<string, string> = {
      synced: '7 pwrite64(19</d/journal/000001.seg>, "..mark-0-..", 4096, 0) = 4096',
      begins: '7 pwrite64(19</d/journal/000001.seg>, "..mark-0-..", 4096, 0 <unfinished ...>',
      fails: '7 pwrite64(19</d/journal/000001.seg>, "..mark-0-..", 4096, 0) = -1 EIO (Input/output error)',
      plain: '7 pwrite64(20</d/journal/000001.seg>, "..mark-0-..", 4096, 0) = 4096',
      other: '7 pwrite64(19</d/data.mdb>, "..mark-0-..", 4096, 0) = 4096',
    };
    const trace = [
      ...steps.map((step) => lines[step]),
      '3 sendto(28<socket:[1]>, "HTTP/1.1 200 OK", 156, 0, NULL, 0) = 156',
      '7 <... pwrite64 resumed>) = 4096',
      lines.synced,
    ].join('\n');
    const calls = parseTrace(trace);
    const answer = calls.find(({ name }) => name === 'sendto') as TracedCall;
    expect(missingBefore(calls, 'mark-0-', answer, [19])?.slice('mark-0- was '.length)).toBe(expected);
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
