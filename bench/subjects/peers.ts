import { join } from 'node:path';
import { Child } from '../processes/child.js';
import type { ForwarderConfig } from './forwarder-process.js';
import { HAPROXY } from './haproxy.js';
import { startInstalled } from './installed-server.js';
import { MOSQUITTO } from './mosquitto.js';
import { NGINX } from './nginx.js';
import type { Skipped, Subject, SubjectName } from './subject.js';

export type PeerName = Exclude<SubjectName, 'stateway' | 'append' | 'overwrite'>;

export interface PeerOptions {
  readonly names: readonly PeerName[];
  /** For their files. */
  readonly directory: string;
  /** Whom the forwarding ones forward to; undefined: to a bare handler, so that nothing but they themselves counts. */
  readonly upstreamPort?: number;
}

/** The servers that Stateway is measured against, and the handler behind them. */
export class Peers {
  readonly running: readonly Subject[];
  readonly skipped: readonly Skipped[];
  readonly #upstream: Subject | undefined;

  private constructor(started: readonly (Subject | Skipped)[], upstream: Subject | undefined) {
    this.running = started.filter((one): one is Subject => 'port' in one);
    this.skipped = started.filter((one): one is Skipped => 'reason' in one);
    this.#upstream = upstream;
  }

  static async start({ names, directory, upstreamPort }: PeerOptions): Promise<Peers> {
    const upstream = upstreamPort === undefined ? await startBare() : undefined;
    const port = upstreamPort ?? (upstream as Subject).port;
    const started: (Subject | Skipped)[] = [];
    for (const name of names) started.push(await startPeer(name, directory, port));
    return new Peers(started, upstream);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.running, ...(this.#upstream ? [this.#upstream] : [])].map((peer) => peer.stop()));
  }
}

function startPeer(name: PeerName, directory: string, upstreamPort: number): Promise<Subject | Skipped> {
  switch (name) {
    case 'bare':
      return startBare();
    case 'nginx':
      return startInstalled(NGINX, join(directory, name), upstreamPort);
    case 'haproxy':
      return startInstalled(HAPROXY, join(directory, name), upstreamPort);
    case 'mosquitto':
      return startInstalled(MOSQUITTO, join(directory, name), upstreamPort);
    case 'forwarder':
      return startScript(name, new URL('./forwarder-process.js', import.meta.url), { upstreamPort });
  }
}

function startBare(): Promise<Subject> {
  return startScript('bare', new URL('./bare-process.js', import.meta.url), undefined);
}

async function startScript(name: PeerName, script: URL, config: ForwarderConfig | undefined): Promise<Subject> {
  const { child, ready } = await Child.start<{ port: number }>(script, name, config);
  return { name, port: ready.port, pids: () => [child.pid], stop: () => child.stop() };
}
