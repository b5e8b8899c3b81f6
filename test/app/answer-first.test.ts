import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { notHere } from '../helpers/fault-form.js';
import { portOf } from '../helpers/fault-process.js';
import { FaultSite, freshDirectory, until } from '../helpers/fault-site.js';
import { reasonNotToTrace, type TracedCall, traceWhile } from '../helpers/fault-trace.js';
import { call } from '../helpers/http-client.js';
import { TestSocket } from '../helpers/test-socket.js';

const DEVICES = 8;

/** Sends one state with a mark for the device of this number, and waits for its answer. */
type SendOne = (device: number, mark: string) => Promise<void>;

function pathOf(site: FaultSite, device: number): string {
  const { applicationId, deviceId } = (site.accounts[device] as (typeof site.accounts)[number]).device;
  return `/applications/${applicationId}/devices/${deviceId}/state`;
}

function tokenOf(site: FaultSite, device: number): string {
  return site.accounts[device]?.token as string;
}

async function overHttp(site: FaultSite): Promise<SendOne> {
  return async (device, mark) => {
    const headers = { authorization: `Bearer ${tokenOf(site, device)}`, 'content-type': 'application/json' };
    const answer = await call(portOf(site.proxy), pathOf(site, device), { headers, body: stateWith(mark) });
    expect(answer.status).toBe(200);
  };
}

async function overSockets(site: FaultSite): Promise<SendOne> {
  const sockets: TestSocket[] = [];
  for (let device = 0; device < DEVICES; device++) {
    sockets.push(await TestSocket.open(site.proxy.socketUrl + pathOf(site, device), tokenOf(site, device)));
  }
  return async (device, mark) => {
    const socket = sockets[device] as TestSocket;
    socket.send(stateWith(mark));
    await socket.untilAcknowledged(1);
  };
}

function stateWith(mark: string): string {
  return JSON.stringify({ data: { mark } });
}

/** When the sending thread was woken for a state: its first goes at once, as none of its device went before. */
function wakingsOf(calls: readonly TracedCall[], mainThread: number): TracedCall[] {
  return calls.filter(
    ({ thread, name, text }) => thread === mainThread && name === 'write' && /^\d+<anon_inode:\[eventfd\]>/.test(text),
  );
}

const reason = reasonNotToTrace();
if (reason !== undefined) notHere('the watching of system calls', reason);

describe.skipIf(reason !== undefined)(
  'seen from outside the process, what is stored is sent on after its answer',
  () => {
    test.each([
      ['over HTTP', overHttp, /"HTTP\/1\.1 200/],
      ['over a WebSocket', overSockets, /\{\\"ack\\":\d+\}/],
    ])('%s', { timeout: 90_000 }, async (_how, open, answerText) => {
      const site = await FaultSite.open(onTestFinished, { devices: DEVICES });
      const sendOne = await open(site);
      const marks = Array.from({ length: DEVICES }, (_, device) => `mark-${device}-`);
      const mainThread = site.proxy.process.pid as number;
      const calls = await traceWhile(mainThread, join(freshDirectory(onTestFinished), 'trace'), async () => {
        for (const [device, mark] of marks.entries()) {
          await sendOne(device, mark);
          const { deviceId } = (site.accounts[device] as (typeof site.accounts)[number]).device;
          await until(
            () => site.deliveries.of(deviceId).length > 0,
            30_000,
            () => `${mark} did not come`,
          );
        }
      });
      const answers = calls.filter(({ name, text }) => /^send/.test(name) && answerText.test(text));
      expect(answers).toHaveLength(DEVICES);
      const wakings = wakingsOf(calls, mainThread);
      const early = marks.filter((mark, device) => {
        const stored = calls.find(({ text }) => text.includes(mark)) as TracedCall;
        const answer = answers[device] as TracedCall;
        return wakings.some(({ enteredAt }) => enteredAt > stored.enteredAt && enteredAt < answer.enteredAt);
      });
      expect(early).toEqual([]);
      // Else nothing was looked at.
      expect(wakings.length).toBeGreaterThanOrEqual(DEVICES);
    });
  },
);
