import { Agent } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { JsonPoster } from '../../src/simulator/fleet-http.js';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { DeviceSession } from '../../src/simulator/fleet-session.js';
import { FleetTally, OutgoingState } from '../../src/simulator/fleet-tally.js';
import { SocketSender } from '../../src/simulator/socket-sender.js';
import { SocketServer } from './socket-server.js';

const [device] = planFleet(1, 'sender');
if (device === undefined) throw new Error('no device');

let server: SocketServer;
let poster: JsonPoster;
let agent: Agent;
let tally: FleetTally;
let sender: SocketSender;

beforeEach(async () => {
  server = new SocketServer();
  const url = await server.start();
  poster = new JsonPoster(url);
  agent = new Agent();
  tally = new FleetTally();
  const session = new DeviceSession(device, poster);
  await session.logIn();
  sender = new SocketSender(session, url, agent, tally);
});

afterEach(async () => {
  sender.close();
  poster.close();
  await server.close();
  await agent.destroy();
});

function offer(reading: number, timeMs?: number): OutgoingState {
  const state = new OutgoingState(reading, timeMs, JSON.stringify({ reading }), performance.now());
  tally.sent++;
  sender.offer(state);
  return state;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('SocketSender', () => {
  it('connects to the state path with its token and sends each state as a frame', async () => {
    offer(0);
    offer(1);
    await until(() => server.connections[0]?.frames.length === 2);
    expect(server.connections[0]).toMatchObject({
      path: `/applications/${device.applicationId}/devices/${device.deviceId}/state`,
      authorization: 'Bearer token-1',
      frames: ['{"reading":0}', '{"reading":1}'],
    });
  });

  it('takes an ack for all frames it covers, and no more', async () => {
    server.onFrame = (connection, count) => {
      if (count === 3) connection.answer({ ack: 2 });
    };
    const states = [0, 1, 2].map((reading) => offer(reading));
    await until(() => tally.acknowledged > 0);
    expect(states.map(({ acknowledged }) => acknowledged)).toEqual([true, true, false]);
    server.connections[0]?.answer({ ack: 3 });
    await until(() => tally.outstanding === 0);
    expect(states[2]?.acknowledged).toBe(true);
  });

  it('does not take a refused frame as acknowledged by the ack that covers it', async () => {
    server.onFrame = (connection, count) => {
      if (count !== 3) return;
      connection.answer({ error: { type: 'Validation', message: 'no such thing' }, frame: 2 });
      connection.answer({ ack: 3 });
    };
    const states = [0, 1, 2].map((reading) => offer(reading));
    await until(() => tally.outstanding === 0);
    expect(states.map(({ acknowledged }) => acknowledged)).toEqual([true, false, true]);
    expect(tally).toMatchObject({ acknowledged: 2, refused: 1, lastTrouble: 'Validation: no such thing' });
  });

  it('sends a frame again that was refused for now', async () => {
    server.onFrame = (connection, count) => {
      if (count === 1) connection.answer({ error: { type: 'Unavailable', message: 'full' }, frame: 1 });
      connection.answer({ ack: count });
    };
    const state = offer(0);
    await until(() => tally.outstanding === 0);
    expect(state).toMatchObject({ acknowledged: true, sends: 1 });
    expect(server.connections[0]?.frames).toHaveLength(2);
  });

  it('after a broken connection sends again what carries a time, before what came since, and gives up the rest', async () => {
    server.onFrame = (connection, count) => {
      if (server.connections.length > 1) connection.answer({ ack: count });
      else if (count === 3) connection.answer({ ack: 1 });
    };
    const [kept, untimed, timed] = [offer(0), offer(1), offer(2, 1_000)];
    await until(() => tally.acknowledged === 1);
    server.connections[0]?.close();
    await until(() => tally.givenUp === 1);
    const later = offer(3, 2_000);
    await until(() => tally.outstanding === 0);
    expect([kept, untimed, timed, later].map(({ acknowledged }) => acknowledged)).toEqual([true, false, true, true]);
    expect(timed?.sends).toBe(2);
    expect(server.connections[1]?.frames).toEqual(['{"reading":2}', '{"reading":3}']);
    expect(server.logins).toBe(1);
  });

  it('logs in anew when the connection is closed because its grant ended', async () => {
    await until(() => server.connections.length === 1);
    server.connections[0]?.close(1008);
    await until(() => server.connections.length === 2);
    expect(server.connections[1]?.authorization).toBe('Bearer token-2');
  });
});
