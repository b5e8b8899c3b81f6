import { beforeEach, describe, expect, it } from 'vitest';
import { planFleet } from '../../src/simulator/fleet-plan.js';
import type { DeviceState } from '../../src/state/validate.js';
import { Account } from '../helpers/fault-account.js';
import { Deliveries } from '../helpers/fault-deliveries.js';
import { type Disturbance, verdictOf } from '../helpers/fault-verdict.js';

const [device] = planFleet(1, 'verdict') as [ReturnType<typeof planFleet>[number]];
let account: Account;
let deliveries: Deliveries;
let disturbances: Disturbance[];

beforeEach(() => {
  account = new Account(device, 'token', { stamped: true });
  deliveries = new Deliveries();
  disturbances = [];
  account.settle(account.take(6), 'acknowledged');
});

function take(...numbers: number[]): void {
  deliveries.onTaken(
    device.deviceId,
    numbers.map((n) => account.stateOf(n) as DeviceState),
  );
}

function disturb(kind: Disturbance['kind'], act: () => void = () => {}): void {
  const from = deliveries.tide();
  act();
  disturbances.push({ kind, from, to: deliveries.tide() });
}

function findings(): readonly string[] {
  const { lost, findings } = verdictOf(account, deliveries.of(device.deviceId), disturbances);
  return [...lost.map((n) => `lost: state ${n}`), ...findings];
}

describe('the verdict of the fault suite', () => {
  it('finds nothing where everything came once, in order', () => {
    take(0, 1, 2);
    take(3, 4, 5);
    expect(findings()).toEqual([]);
  });

  it('finds what was acknowledged and did not come', () => {
    take(0, 1, 2, 4, 5);
    expect(findings()).toEqual(['lost: state 3']);
  });

  it('does not miss what was never promised, but finds what was refused and came all the same', () => {
    account.settle(account.take(1), 'unknown');
    account.settle(account.take(2), 'refused');
    take(0, 1, 2, 3, 4, 5, 8);
    expect(findings()).toEqual([expect.stringContaining('refused but delivered: state 8')]);
  });

  it('finds what no answer settled, and what was settled twice', () => {
    account.take(1);
    account.settle([2], 'acknowledged');
    take(0, 1, 2, 3, 4, 5);
    expect(findings()).toEqual([expect.stringContaining('settled twice'), expect.stringContaining('never settled')]);
  });

  it.each([
    ['across requests', [[0, 1, 3], [2], [4, 5]]],
    [
      'within a request',
      [
        [0, 1],
        [3, 2],
        [4, 5],
      ],
    ],
  ])('finds disorder %s', (_where, requests) => {
    for (const numbers of requests) take(...numbers);
    expect(findings()).toEqual([expect.stringContaining('disorder: state 2')]);
  });

  it('finds what was never sent, altered, moved in time, or put at the time of another', () => {
    take(0, 1, 2, 3, 4);
    const last = account.stateOf(5) as DeviceState;
    const first = account.stateOf(0) as DeviceState;
    deliveries.onTaken(device.deviceId, [{ ...last, data: { ...last.data, note: 'else' } }]);
    deliveries.onTaken(device.deviceId, [{ ...last, data: { ...last.data, n: 17 } }]);
    expect(findings()).toEqual([expect.stringContaining('altered: state 5'), expect.stringContaining('never sent')]);
    deliveries.clear();
    take(0, 1, 2, 3, 4);
    deliveries.onTaken(device.deviceId, [{ ...last, time: first.time as number }]);
    expect(findings()).toEqual([expect.stringContaining('state 5 at'), expect.stringContaining('shares its time')]);
  });

  it('finds what came twice without a cause', () => {
    take(0, 1, 2);
    take(2, 3, 4, 5);
    expect(findings()).toEqual(['device-0: doubled without cause: request 0 from state 2 on']);
  });

  it('lets one request of a device come again after a kill, or the one that was under way', () => {
    take(0, 1);
    take(2, 3);
    disturb('kill');
    take(2, 3, 4);
    take(5);
    expect(findings()).toEqual([]);
    deliveries.clear();
    disturbances = [];
    take(0, 1);
    disturb('kill');
    take(2, 3);
    take(2, 3, 4, 5);
    expect(findings()).toEqual([]);
  });

  it('finds a second request that came again after one kill', () => {
    take(0, 1);
    disturb('kill', () => take(2, 3));
    take(0, 1, 2, 3);
    take(4, 5);
    expect(findings()).toEqual(['device-0: doubled without cause: request 1 from state 2 on']);
  });

  it('lets each of kills that follow one another closely have its own request', () => {
    take(0);
    take(1, 2);
    disturb('kill');
    take(1, 2, 3);
    disturb('kill');
    take(1, 2, 3, 4);
    disturb('kill');
    take(1, 2, 3, 4, 5);
    expect(findings()).toEqual([]);
    disturbances.pop();
    expect(findings()).toEqual(['device-0: doubled without cause: request 3 from state 1 on']);
  });

  it('finds what came again long before or after a kill', () => {
    take(0, 1);
    take(2);
    disturb('kill');
    take(3);
    take(4);
    take(0);
    take(4, 5);
    expect(findings()).toEqual([
      'device-0: doubled without cause: request 0 from state 0 on',
      'device-0: doubled without cause: request 3 from state 4 on',
    ]);
  });

  it('lets requests come again that a broken line may have touched, and no others', () => {
    take(0);
    take(1);
    disturb('line', () => {
      take(1);
      take(1, 2);
      take(1, 2, 3);
    });
    take(1, 2, 3);
    take(4);
    take(4, 5);
    expect(findings()).toEqual(['device-0: doubled without cause: request 6 from state 4 on']);
  });
});

describe('the verdict on states that the cloud will not have', () => {
  beforeEach(() => {
    account.poisonEvery = 9;
    account.toxicEvery = 4;
    // 8 is refused, 7 and 11 break the cloud.
    account.settle(account.take(6), 'acknowledged');
    take(0, 1, 2, 3, 4, 5);
  });

  function judge(...dead: number[]) {
    const { lost, failing, findings } = verdictOf(account, deliveries.of(device.deviceId), disturbances, new Set(dead));
    return { lost, failing, findings };
  }

  it('lets them be dead letters, or come all the same', () => {
    take(6, 7, 9, 10, 11);
    expect(judge(8)).toEqual({ lost: [], failing: [], findings: [] });
    take(8);
    expect(judge().findings).toEqual([expect.stringContaining('disorder: state 8')]);
  });

  it('finds them lost where they are neither', () => {
    take(6, 7, 9, 10, 11);
    expect(judge().lost).toEqual([8]);
  });

  it('finds others among the dead letters, and what was refused before', () => {
    account.settle(account.take(3), 'refused');
    take(6, 7, 9);
    expect(judge(8, 10, 11, 14)).toEqual({
      lost: [],
      failing: [],
      findings: [
        expect.stringContaining('a dead letter without cause: state 10'),
        expect.stringContaining('a dead letter without cause: state 14'),
        expect.stringContaining('refused but a dead letter: state 14'),
      ],
    });
  });

  it('lets those that break the cloud be held apart and come behind others, and no others', () => {
    take(6, 9, 10);
    expect(judge(8)).toEqual({ lost: [], failing: [7, 11], findings: [] });
    expect(judge(7, 8, 11)).toEqual({ lost: [], failing: [], findings: [] });
    take(7);
    take(11);
    expect(judge(8)).toEqual({ lost: [], failing: [], findings: [] });
    deliveries.clear();
    take(0, 1, 2, 3, 5, 4, 7, 11, 6, 9, 10);
    expect(judge(8).findings).toEqual([
      expect.stringContaining('disorder: state 4'),
      expect.stringContaining('disorder: state 6'),
      expect.stringContaining('disorder: state 9'),
      expect.stringContaining('disorder: state 10'),
    ]);
  });

  it('knows a share of states that are refused by what they say', () => {
    take(6, 7, 9, 10, 11);
    account.settle(account.take(60), 'acknowledged');
    account.refusedShare = 0.3;
    const [of, not] = [12, 12].map((first, which) => {
      for (let n = first; ; n++) if (!account.isPoison(n) && account.mayDie(n) === (which === 0)) return n;
    }) as [number, number];
    const { findings } = judge(8, of, not);
    expect(findings).toEqual([expect.stringContaining(`a dead letter without cause: state ${not}`)]);
  });
});

describe('the verdict on stamps and on causes', () => {
  it('finds a stamp that does not lie where the state came', () => {
    const stampless = new Account(device, 'token', { stamped: false, checksStamps: true });
    stampless.settle(stampless.take(3), 'acknowledged');
    const nowMs = Date.now();
    const states = [nowMs, nowMs + 50_000, nowMs + 3_600_000].map((time, n) => ({ ...stampless.stateOf(n), time }));
    deliveries.onTaken(device.deviceId, states as DeviceState[]);
    expect(verdictOf(stampless, deliveries.of(device.deviceId), []).findings).toEqual([
      expect.stringContaining('state 2 was stamped'),
    ]);
  });

  it('lets only the devices it befell have a line for their excuse', () => {
    take(0, 1, 2);
    const from = deliveries.tide();
    take(3);
    take(3, 4, 5);
    disturbances.push({ kind: 'line', from, to: deliveries.tide(), deviceIds: new Set(['another']) });
    expect(findings()).toEqual([expect.stringContaining('doubled without cause: request 1')]);
    disturbances.push({ kind: 'line', from, to: deliveries.tide(), deviceIds: new Set([device.deviceId]) });
    expect(findings()).toEqual([]);
  });

  it('counts what came twice by its cause, and spends no kill where a line explains it', () => {
    take(0);
    disturb('line', () => take(1));
    take(1, 2);
    take(3);
    disturb('kill');
    take(3, 4, 5);
    const { doubles, findings: none } = verdictOf(account, deliveries.of(device.deviceId), disturbances);
    expect({ doubles, none }).toEqual({ doubles: { kill: 1, line: 1 }, none: [] });
  });
});
