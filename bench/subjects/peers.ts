import { join } from 'node:path';
import { totalMs } from '../measure/proc.js';
import { Child } from '../processes/child.js';
import { INSTALLED, type InstalledName, startInstalled } from './installed-server.js';
import type { Subject, SubjectName } from './subject.js';

export type PeerName = 'bare' | 'forwarder' | InstalledName;

/** A server beside Stateway. */
export interface Peer extends Subject {
  stop(): Promise<void>;
}

/** Whatever a load can be put on. It is done with a request when it has answered; what stands behind it is not counted. */
export function peer(
  name: SubjectName,
  port = 0,
  pids: Peer['pids'] = () => [],
  stop: Peer['stop'] = async () => {},
): Peer {
  const measured: Subject['measured'] = async (_scenario, load) => {
    const beforeMs = totalMs(pids());
    const result = await load();
    const arrived = result.acknowledgedTotal;
    return { result, usPerState: ((totalMs(pids()) - beforeMs) * 1000) / Math.max(1, arrived), arrived, posts: 0 };
  };
  return { name, port, pids, stop, measured };
}

/**
 * Starts a server that Stateway is measured against.
 * @param directory for its files
 * @param upstreamPort whom it forwards to, if it does
 * @throws Error when it is not installed or does not listen
 */
export async function startPeer(name: PeerName, directory: string, upstreamPort: number): Promise<Peer> {
  if (name !== 'bare' && name !== 'forwarder') {
    const { port, pids, stop } = await startInstalled(INSTALLED[name], join(directory, name), upstreamPort);
    return peer(name, port, pids, stop);
  }
  const script = new URL(`./${name}-process.js`, import.meta.url);
  const { child, ready } = await Child.start<number>(script, name, upstreamPort);
  const pids = () => [child.pid];
  return peer(name, ready, pids, () => child.stop());
}
