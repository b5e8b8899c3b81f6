import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { AdminConnections, MAX_ADDRESS_CONNECTIONS, MAX_CONNECTIONS } from '../../src/admin/admin-connections.js';

class FakeSocket extends EventEmitter {
  destroyed = false;

  constructor(readonly remoteAddress: string) {
    super();
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

let connections: AdminConnections;
beforeEach(() => {
  connections = new AdminConnections();
});

function connect(address: string): FakeSocket {
  const socket = new FakeSocket(address);
  connections.add(socket as unknown as Socket);
  return socket;
}

const connectMany = (many: number, addressOf: (n: number) => string) =>
  Array.from({ length: many }, (_, n) => connect(addressOf(n)));
const open = (sockets: readonly FakeSocket[]) => sockets.filter(({ destroyed }) => !destroyed).length;

it('closes the one of an address whose last request is the longest ago for the one too many', () => {
  const other = connect('10.0.0.2');
  const held = connectMany(MAX_ADDRESS_CONNECTIONS, () => '10.0.0.1');
  connections.touch(held[0] as unknown as Socket);
  const probe = connect('10.0.0.1');
  expect([held[0]?.destroyed, held[1]?.destroyed, probe.destroyed, other.destroyed]).toEqual([
    false,
    true,
    false,
    false,
  ]);
  expect(open(held)).toBe(MAX_ADDRESS_CONNECTIONS - 1);
});

it('closes the one of all addresses whose last request is the longest ago for the one too many', () => {
  const held = connectMany(MAX_CONNECTIONS, (n) => `10.0.${n % 250}.1`);
  const probe = connect('127.0.0.1');
  expect([held[0]?.destroyed, open(held), probe.destroyed]).toEqual([true, MAX_CONNECTIONS - 1, false]);
});

it('counts those that are gone, and open pages, no more', () => {
  const held = connectMany(MAX_ADDRESS_CONNECTIONS, () => '10.0.0.1');
  held[3]?.destroy();
  connections.remove(held[4] as unknown as Socket);
  const more = connectMany(2, () => '10.0.0.1');
  expect([open(held), open(more)]).toEqual([MAX_ADDRESS_CONNECTIONS - 1, 2]);
});
