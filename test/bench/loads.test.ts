import { describe, expect, it } from 'vitest';
import { requestBytes, statesAfter } from '../../bench/loads/request-plan.js';
import { BAD_BODY, bodyOfBytes, listBody, RICH_BODY, SMALL_BODY } from '../../bench/loads/state-bodies.js';
import { frameBytes, readFrames } from '../../bench/loads/websocket-line.js';
import { assertRealDisk, fileSystemOf } from '../../bench/measure/machine.js';
import { rolesIn } from '../../bench/measure/thread-costs.js';
import { findProblem, statesOf } from '../../src/state/validate.js';

/** What is wrong with each state of a body. */
function problemsOf(text: string): (string | undefined)[] {
  const states = statesOf(JSON.parse(text)) ?? ['no body'];
  return states.map((state, index) => findProblem(state, index, false));
}

describe('the bodies of the loads', () => {
  it.each([SMALL_BODY, listBody(20), RICH_BODY, bodyOfBytes(1_024), bodyOfBytes(65_536)])(
    'are what the cloud takes: $states states, $text.length characters',
    ({ text, states }) => {
      expect(problemsOf(text)).toEqual(new Array(states).fill(undefined));
    },
  );

  it('are refused where they are meant to be', () => {
    expect(problemsOf(BAD_BODY.text)).toEqual([expect.stringContaining('temperature')]);
  });

  it.each([75, 1_024, 65_536])('have about the size asked for: %d bytes', (bytes) => {
    expect(Math.abs(bodyOfBytes(bytes).text.length - bytes)).toBeLessThanOrEqual(bytes * 0.01);
  });
});

describe('a plan of requests', () => {
  const plan = { devices: 3, bodies: [SMALL_BODY, listBody(20), BAD_BODY] };

  it('says what so many requests brought', () => {
    expect([...statesAfter(plan, 7)]).toEqual([3, 40, 0]);
    expect([...statesAfter(plan, 8)]).toEqual([3, 60, 0]);
  });

  it('has a request for each device with its own token and a length that is right', () => {
    const requests = requestBytes(plan, 'proxy:1').map(String);
    const tokens = new Set(requests.map((request) => /Bearer (\S+)/.exec(request)?.[1]));
    expect(tokens.size).toBe(3);
    for (const request of requests) {
      const [head = '', body = ''] = request.split('\r\n\r\n');
      expect(Number(/Content-Length: (\d+)/.exec(head)?.[1])).toBe(Buffer.byteLength(body));
    }
  });
});

describe('frames', () => {
  it('are masked text, or bytes', () => {
    const frame = frameBytes('hello');
    const mask = frame.subarray(2, 6);
    expect([frame[0], frame[1]]).toEqual([0x81, 0x85]);
    expect(
      frame
        .subarray(6)
        .map((byte, i) => byte ^ (mask[i % 4] as number))
        .toString(),
    ).toBe('hello');
    expect(frameBytes(Uint8Array.of(1))[0]).toBe(0x82);
  });

  it('are read as far as they are whole', () => {
    const texts: string[] = [];
    const pings: string[] = [];
    const listener = {
      onText: (text: Buffer) => texts.push(text.toString()),
      onPing: (payload: Buffer) => pings.push(payload.toString()),
      onClose: () => texts.push('closed'),
    };
    const long = 'x'.repeat(300);
    const bytes = Buffer.concat([
      Buffer.from('\x81\x09{"ack":1}\x89\x02hi\x81\x7e\x01\x2c', 'latin1'),
      Buffer.from(`${long}\x81\x05hal`, 'latin1'),
    ]);
    expect(readFrames(bytes, listener)).toBe(bytes.length - 5);
    expect(texts).toEqual(['{"ack":1}', long]);
    expect(pings).toEqual(['hi']);
  });
});

describe('what the kernel tells', () => {
  it('is read for the file system that a directory is on', () => {
    expect(fileSystemOf('/proc/self')).toBe('proc');
    expect(() => assertRealDisk('/dev/shm')).toThrow('/dev/shm is on tmpfs, which is no disk');
    expect(() => assertRealDisk('/proc')).not.toThrow();
  });

  it('is joined with what the threads noted of themselves', () => {
    expect([...rolesIn('main 10\nv8 11\nworker 20\n')]).toEqual([
      [10, 'main'],
      [11, 'v8'],
      [20, 'worker'],
    ]);
  });
});
