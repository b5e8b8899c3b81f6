import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { HttpLoop } from '../../bench/loads/http-load.js';
import { withinMs } from '../../bench/loads/latency.js';
import { ArrivalSchedule } from '../../bench/loads/timetable.js';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const REQUESTS = ['a', 'b', 'c'].map((name) =>
  Buffer.from(`POST /${name} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`),
);

interface StallingServer {
  readonly port: number;
  /** Requests by their first line. */
  readonly seen: Map<string, number>;
}

/**
 * Answers every request at once, but for those of a time after so many requests, which it answers when that has passed.
 * @param answer what it answers; in two pieces when it is long enough
 */
async function stallingServer(stallAfter: number, stallMs: number, answer = ANSWER): Promise<StallingServer> {
  const seen = new Map<string, number>();
  let requests = 0;
  let stalled: Socket[] | undefined;
  const reply = (socket: Socket) => {
    socket.write(answer.slice(0, 20));
    socket.write(answer.slice(20));
  };
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const line = chunk.toString('latin1').split(' ')[1] as string;
      seen.set(line, (seen.get(line) ?? 0) + 1);
      requests++;
      if (requests === stallAfter) {
        stalled = [];
        setTimeout(() => {
          for (const waiting of stalled ?? []) reply(waiting);
          stalled = undefined;
        }, stallMs);
      }
      if (stalled === undefined) reply(socket);
      else stalled.push(socket);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

/** Runs the load of a test, a second of it unless it says otherwise. */
async function ran(port: number, load: ConstructorParameters<typeof HttpLoop>[1], seconds = 1): Promise<HttpLoop> {
  const loop = new HttpLoop(REQUESTS, load, { port, seconds });
  await loop.run();
  return loop;
}

it('reports a stall for all that were due meanwhile, not for the few that were under way', async () => {
  const { port } = await stallingServer(100, 500);
  const { latencies, unanswered } = await ran(port, { connections: 4, perSecond: 500 });
  expect(latencies.totalCount).toBe(500);
  expect(unanswered).toBe(0);
  // Half of the arrivals fall into the stall, and waited for its end: 250 of them, where 4 were under way.
  expect(latencies.maxValue / 1000).toBeGreaterThan(450);
  expect(withinMs(latencies, 90)).toBeGreaterThan(300);
});

it('does not count the latencies of its warm-up, but all that came of it', async () => {
  const { port } = await stallingServer(100, 200);
  const load = { connections: 4, perSecond: 500, warmUpSeconds: 1 };
  const { latencies, answered, acknowledged, unanswered } = await ran(port, load, 0.5);
  expect([answered, unanswered]).toEqual([750, 0]);
  expect([...acknowledged]).toEqual([250, 250, 250]);
  expect(latencies.totalCount).toBe(250);
});

it('sends each request as often as it is due, round and round, and says which were answered', async () => {
  const { port, seen } = await stallingServer(Number.POSITIVE_INFINITY, 0);
  const { acknowledged, sent, refused } = await ran(port, { connections: 2, perSecond: 400 }, 0.25);
  // Over two connections the second may come to the server first.
  expect(Object.fromEntries(seen)).toEqual({ '/a': 34, '/b': 33, '/c': 33 });
  expect([...acknowledged]).toEqual([34, 33, 33]);
  expect([...sent]).toEqual([34, 33, 33]);
  expect(refused).toBe(0);
});

it('counts answers that are no success by themselves', async () => {
  const { port } = await stallingServer(Number.POSITIVE_INFINITY, 0, ANSWER.replace('200 OK', '503 Unavailable'));
  const { latencies, refused, acknowledged } = await ran(port, { connections: 2, perSecond: 200 }, 0.1);
  expect([latencies.totalCount, refused, ...acknowledged]).toEqual([0, 20, 0, 0, 0]);
});

it('has arrivals due at a constant rate, the first at once, and none after the last', () => {
  const schedule = new ArrivalSchedule(1_000, 200, 0.1);
  expect(schedule.total).toBe(20);
  expect([999, 1_000, 1_004, 1_005, 1_050, 9_999].map((at) => schedule.dueBy(at))).toEqual([0, 1, 1, 2, 11, 20]);
  expect(schedule.dueAtMs(10)).toBe(1_050);
});
