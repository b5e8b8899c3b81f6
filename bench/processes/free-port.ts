import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const RANGE = 12_000;
const ATTEMPTS = 100;

/**
 * A port that no connection of this machine is given by chance: else one that is closed for a while, as in an outage,
 * could be taken meanwhile, even by the very client that tries to reach it.
 */
export async function freePort(): Promise<number> {
  const [firstEphemeral] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').split('\t').map(Number);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = (firstEphemeral as number) - 1 - Math.floor(Math.random() * RANGE);
    if (await isFree(port)) return port;
  }
  throw new Error('no free port was found');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
