import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';

const RANGE = 12_000;
const ATTEMPTS = 100;

/**
 * A port for a program that cannot be told to take any: nobody listens on it, and no connection of this machine is given
 * it by chance. It is asked for by connecting, and never opened here, so that there is nothing to close before.
 */
export async function freePort(): Promise<number> {
  const [firstEphemeral] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split('\t').map(Number);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = (firstEphemeral as number) - 1 - Math.floor(Math.random() * RANGE);
    if (!(await accepts(port))) return port;
  }
  throw new Error('no free port was found');
}

/** Whether anybody takes a connection on a port of this machine. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
