import { beforeEach, describe, expect, it } from 'vitest';
import { type Handshake, HandshakeGate } from '../../../src/front/mqtt/handshake-gate.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const MOST = 150;

let clock: FakeClock;
let gate: HandshakeGate;

class FakeHandshake implements Handshake {
  readonly address: string;
  state: 'waits' | 'under way' | 'gave way' = 'waits';

  constructor(address: string) {
    this.address = address;
    gate.add(this);
  }

  begin(): void {
    this.state = 'under way';
  }

  giveWay(): void {
    this.state = 'gave way';
    gate.end(this, false);
  }
}

/** So many of one address. */
function several(count: number, address: string): FakeHandshake[] {
  return Array.from({ length: count }, () => new FakeHandshake(address));
}

const begun = (handshakes: FakeHandshake[]): number => handshakes.filter(({ state }) => state === 'under way').length;

beforeEach(() => {
  clock = new FakeClock();
  gate = new HandshakeGate(MOST, clock);
});

describe('handshakes of one address', () => {
  it('begin at once, as long as they succeed', () => {
    for (let n = 0; n < 1_000; n++) {
      const handshake = new FakeHandshake('192.0.2.1');
      expect(handshake.state).toBe('under way');
      gate.end(handshake, true);
    }
    expect([gate.underWay, gate.waiting, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('that fail wait, and are ten a second then, and another address does not wait for them', async () => {
    let tries = 0;
    const storm = (): void => {
      for (;;) {
        const handshake = new FakeHandshake('192.0.2.1');
        if (handshake.state === 'waits') break;
        tries++;
        gate.end(handshake, false);
      }
    };
    storm();
    expect(tries).toBe(100);
    const other = new FakeHandshake('192.0.2.2');
    expect(other.state).toBe('under way');
    const waiting = several(50, '192.0.2.1');
    await clock.advance(1_000);
    expect(begun(waiting)).toBeLessThanOrEqual(10);
    expect(begun(waiting)).toBeGreaterThanOrEqual(8);
  });

  it('have all their credit again when none has failed for ten seconds', async () => {
    for (const handshake of several(100, '192.0.2.1')) gate.end(handshake, false);
    await clock.advance(10_000);
    expect(begun(several(101, '192.0.2.1'))).toBe(100);
  });

  it('that succeed among those that fail cost the address nothing', () => {
    const [waiting, ...others] = several(101, '192.0.2.1').reverse();
    expect(waiting?.state).toBe('waits');
    for (const handshake of others.slice(1)) gate.end(handshake, false);
    expect(waiting?.state).toBe('waits');
    gate.end(others[0] as FakeHandshake, true);
    expect(waiting?.state).toBe('under way');
  });
});

describe('where all places are taken', () => {
  it('the addresses that wait have their turns one after another', () => {
    const taken = [...several(75, '192.0.2.1'), ...several(75, '192.0.2.2')];
    const many = several(20, '192.0.2.1');
    const few = several(2, '192.0.2.3');
    for (const handshake of taken.slice(0, 4)) gate.end(handshake, true);
    expect(begun(few)).toBe(2);
    expect(begun(many)).toBe(2);
    expect(gate.underWay).toBe(MOST);
  });

  it('the oldest gives way after two seconds, and not before', async () => {
    const taken = [...several(75, '192.0.2.1'), ...several(75, '192.0.2.2')];
    await clock.advance(1_000);
    const late = new FakeHandshake('192.0.2.3');
    await clock.advance(900);
    expect(late.state).toBe('waits');
    await clock.advance(200);
    expect([late.state, taken[0]?.state, taken[1]?.state]).toEqual(['under way', 'gave way', 'under way']);
  });

  it('one that has left while it waited is not begun', () => {
    const taken = [...several(75, '192.0.2.1'), ...several(75, '192.0.2.2')];
    const [left, next] = several(2, '192.0.2.3');
    gate.end(left as FakeHandshake, false);
    gate.end(taken[0] as FakeHandshake, true);
    expect([left?.state, next?.state, gate.waiting]).toEqual(['waits', 'under way', 0]);
  });
});
