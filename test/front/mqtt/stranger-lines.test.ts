import { describe, expect, it } from 'vitest';
import { StrangerLines } from '../../../src/front/mqtt/stranger-lines.js';
import { connect, MqttSite } from './mqtt-site.js';

it('connections that are silent give way, the oldest first, to one beyond the number; held ones do not', async () => {
  const site = new MqttSite();
  const held = site.line();
  held.send(connect({ clientId: 'no-id' }));
  const [first, second, newcomer] = [site.line(), site.line(), site.line()];
  const { strangers } = site.context;
  expect(strangers.silentGivesWay(newcomer.connection)).toBe(true);
  expect([held.state, first.state, second.state]).toEqual(['open', 'cut', 'open']);
  expect(strangers.silentGivesWay(newcomer.connection)).toBe(true);
  expect(strangers.silentGivesWay(newcomer.connection)).toBe(false);
  expect([held.state, second.state, newcomer.state]).toEqual(['open', 'cut', 'open']);
  expect(site.meters.mqtt.connects.unavailable).toBe(2);
});

describe('where there is no room', () => {
  /** Names of those that are there, such as `a1`: the first of the address a. */
  function full(most: number, names: string): { lines: StrangerLines; here: Set<string>; add(name: string): void } {
    const lines = new StrangerLines(most);
    const here = new Set<string>();
    const add = (name: string): void => {
      lines.add({ address: name.charAt(0), giveWay: () => void here.delete(name) });
      here.add(name);
    };
    for (const name of names.split(' ')) add(name);
    expect([...here].join(' ')).toBe(names);
    return { lines, here, add };
  }

  it('the oldest of the address that has most gives way, and none of the others', () => {
    const { lines, here, add } = full(5, 'b1 a1 a2 c1 a3');
    add('d1');
    expect([...here]).toEqual(['b1', 'a2', 'c1', 'a3', 'd1']);
    add('b2');
    expect([...here]).toEqual(['b1', 'c1', 'a3', 'd1', 'b2']);
    expect(lines.size).toBe(5);
  });

  it('an address that has as many as any gives up its own', () => {
    const { here, add } = full(4, 'a1 a2 b1 b2');
    add('b3');
    expect([...here]).toEqual(['a1', 'a2', 'b2', 'b3']);
  });

  it('one address has all places as long as nobody else wants one', () => {
    const { here, add } = full(3, 'a1 a2 a3');
    add('a4');
    expect([...here]).toEqual(['a2', 'a3', 'a4']);
    for (const name of ['b1', 'b2', 'b3']) add(name);
    expect([...here]).toEqual(['a4', 'b2', 'b3']);
  });

  it('who has left is not counted any more', () => {
    const lines = new StrangerLines(4);
    const cut: string[] = [];
    const line = (name: string) => ({ address: name.charAt(0), giveWay: () => void cut.push(name) });
    const [a1, a2, a3] = [line('a1'), line('a2'), line('a3')];
    for (const one of [a1, a2, a3, line('b1')]) lines.add(one);
    for (const one of [a1, a1, a2]) lines.remove(one);
    expect(lines.size).toBe(2);
    for (const name of ['b2', 'b3', 'c1']) lines.add(line(name));
    expect(cut).toEqual(['b1']);
    expect(lines.size).toBe(4);
  });
});
