/**
 * A process of its own that sends far more than a device would, over plain TCP with requests made beforehand, so that the
 * sender is not what gives out first. It is sent a {@link Flood}, says `begun` when it is connected and `over` when the
 * time is, and answers with a {@link FloodResult} when all that it sent is answered.
 *
 * @typedef {{ token: string, path: string }} Target
 * @typedef {{
 *   port: number, transport: 'http' | 'websocket', targets: Target[], seconds: number,
 *   body: string, statesPerBody: number, bodiesPerSecond: number | null,
 * }} Flood `bodiesPerSecond`: over all targets, whatever the answers do; null: as fast as they come
 * @typedef {{
 *   accepted: number[], refused: number, refusedWithoutRetryAfter: number, heldBack: number, other: string[], broken: number,
 *   acceptedInTime: number, latenciesMs: { p50: number, p99: number },
 * }} FloodResult states by target; `acceptedInTime`: answered before the time was over
 */
import { setTimeout as pause } from 'node:timers/promises';
import { FloodTally, HttpConnection, SocketConnection } from './fault-flood-connections.mjs';

const TICK_MS = 5;
const ANSWERS_WITHIN_MS = 30_000;

async function closedLoop(connections, seconds) {
  let isOver = false;
  for (const connection of connections) {
    connection.onFree = () => {
      while (!isOver && !connection.isBusy && connection.offer());
    };
    connection.onFree();
  }
  await pause(seconds * 1000);
  isOver = true;
}

/** Bodies are due at their pace; what no connection can take at that time is held back and not made up for. */
async function openLoop(connections, seconds, bodiesPerSecond, tally) {
  const startMs = performance.now();
  const { bodiesAtOnce } = connections[0];
  let offered = 0;
  let next = 0;
  for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs = performance.now() - startMs) {
    const due = (elapsedMs / 1000) * bodiesPerSecond;
    for (; offered + bodiesAtOnce <= due; offered += bodiesAtOnce) {
      let isTaken = false;
      for (let tries = 0; tries < connections.length && !isTaken; tries++) {
        isTaken = connections[next].offer();
        next = (next + 1) % connections.length;
        if (!isTaken && tries === 20) break;
      }
      if (!isTaken) tally.heldBack += bodiesAtOnce * tally.statesPerBody;
    }
    await pause(TICK_MS);
  }
}

/** @param {Flood} flood @returns {Promise<FloodResult>} */
async function run(flood) {
  const tally = new FloodTally(flood);
  const Connection = flood.transport === 'http' ? HttpConnection : SocketConnection;
  const connections = flood.targets.map((_, index) => new Connection(flood, index, tally));
  // Time to connect; a WebSocket asks for its grant meanwhile.
  await pause(500);
  process.send('begun');
  if (flood.bodiesPerSecond === null) await closedLoop(connections, flood.seconds);
  else await openLoop(connections, flood.seconds, flood.bodiesPerSecond, tally);
  process.send('over');
  tally.isInTime = false;
  const deadlineMs = performance.now() + ANSWERS_WITHIN_MS;
  while (connections.some(({ outstanding }) => outstanding > 0) && performance.now() < deadlineMs) await pause(20);
  for (const connection of connections) connection.close();
  return tally.result();
}

process.on('message', async (flood) => {
  process.send(await run(flood));
});
process.on('disconnect', () => process.exit(0));
