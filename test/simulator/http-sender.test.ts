import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedCloud } from '../../src/simulator/cloud.js';
import { JsonPoster } from '../../src/simulator/fleet-http.js';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import { DeviceSession } from '../../src/simulator/fleet-session.js';
import { FleetTally, OutgoingState } from '../../src/simulator/fleet-tally.js';
import { HttpSender } from '../../src/simulator/http-sender.js';

const [device] = planFleet(1, 'sender');
if (device === undefined) throw new Error('no device');

let cloud: SimulatedCloud;
let poster: JsonPoster;
let session: DeviceSession;
let tally: FleetTally;
let sender: HttpSender;

beforeEach(async () => {
  cloud = new SimulatedCloud({ devices: [device] });
  poster = new JsonPoster(await cloud.start({ host: '127.0.0.1', port: 0 }));
  session = new DeviceSession(device, poster);
  await session.logIn();
  tally = new FleetTally();
  sender = new HttpSender(session, poster, tally);
});

afterEach(async () => {
  sender.close();
  poster.close();
  await cloud.close();
});

function offer(
  reading: number,
  timeMs?: number,
  body = JSON.stringify({ time: timeMs, data: { reading } }),
): OutgoingState {
  const state = new OutgoingState(reading, timeMs, body, performance.now());
  tally.sent++;
  sender.offer(state);
  return state;
}

async function settled(): Promise<void> {
  while (tally.outstanding > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

const readings = () => cloud.ledger(device.deviceId)?.records.map(({ data }) => data.reading);

describe('HttpSender', () => {
  it('sends the first state by itself and what gathers meanwhile as one array', async () => {
    const nowMs = Date.now();
    const states = [0, 1, 2, 3].map((reading) => offer(reading, nowMs + reading));
    await settled();
    expect(states.every(({ acknowledged, sends }) => acknowledged && sends === 1)).toBe(true);
    expect(cloud.summary()).toMatchObject({ posts: 2, states: 4 });
    expect(readings()).toEqual([0, 1, 2, 3]);
  });

  it('sends again what was refused for now, with or without a time, and owns to one sending', async () => {
    cloud.setFaults([{ kind: 'status', status: 503, retryAfterSeconds: 0, times: 2 }]);
    const state = offer(0);
    await settled();
    expect(state).toMatchObject({ acknowledged: true, sends: 1 });
    expect(tally.retries).toBe(2);
    expect(cloud.summary().states).toBe(1);
  });

  it('sends a state with a time again when no answer came, and owns to both sendings', async () => {
    cloud.setFaults([{ kind: 'lose-answer', times: 1 }]);
    const state = offer(0, Date.now());
    await settled();
    expect(state).toMatchObject({ acknowledged: true, sends: 2 });
    expect(cloud.ledger(device.deviceId)?.records).toMatchObject([{ deliveries: 2 }]);
  });

  it('gives a state without a time up when no answer came, and goes on with the next', async () => {
    cloud.setFaults([{ kind: 'lose-answer', times: 1 }]);
    const lost = offer(0);
    await settled();
    const next = offer(1);
    await settled();
    expect(lost.acknowledged).toBe(false);
    expect(next.acknowledged).toBe(true);
    expect(tally).toMatchObject({ givenUp: 1, acknowledged: 1 });
  });

  it('logs in anew when its token has ended', async () => {
    cloud.revokeToken(session.token);
    const state = offer(0, Date.now());
    await settled();
    expect(state).toMatchObject({ acknowledged: true, sends: 1 });
  });

  it('does not repeat what is refused for good, and says why', async () => {
    const state = offer(0, undefined, '{"data":{"a b":1}}');
    await settled();
    expect(state).toMatchObject({ acknowledged: false, sends: 0 });
    expect(tally).toMatchObject({ refused: 1, retries: 0, lastTrouble: expect.stringContaining('a b') });
  });
});
