import { type ChildProcess, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { notHere } from './fault-form.js';
import { endNow, startChild } from './program.js';
import { atEnd } from './test-scope.js';

const INSTALLED = join(import.meta.dirname, '../cluster/tools/nats/usr/sbin/nats-server');
/** A disk in memory, where there is one: what survives a power failure is asked elsewhere. */
const SHARED_MEMORY = '/dev/shm';
/** Below those that the kernel gives to connections (ip_local_port_range): nobody else takes one between two starts. */
const FIRST_PORT = 10_000;
const PORTS = 20_000;
const READY_WITHIN_MS = 60_000;
const POLL_MS = 25;
/** Of what a server printed, for the error of a start that failed. */
const LINES_KEPT = 20;

/**
 * Why tests of the cluster cannot run here, in words for the runner; undefined where they can. In CI a missing server is a
 * failure.
 */
export function whyNoNats(): string | undefined {
  if (spawnSync(natsServer(), ['--version']).status === 0) return undefined;
  const reason = 'nats-server is not there; node test/cluster/tools/install.mjs brings it';
  if (process.env.CI === 'true') throw new Error(reason);
  return notHere('the tests of several replicas', reason);
}

/** The program that the environment names, else the one of test/cluster/tools, else that of the path. */
export function natsServer(): string {
  return process.env.NATS_SERVER ?? (existsSync(INSTALLED) ? INSTALLED : 'nats-server');
}

export interface NatsOptions {
  /** 3 are a cluster. */
  readonly count: 1 | 3;
  /** Whether each message is on the disk before it is acknowledged (`sync_interval: always`); true if left out. */
  readonly isSynced?: boolean;
  /** Of what each may keep (`max_file_store`). */
  readonly maxStoreBytes?: number;
  /** Where they keep it; in memory if left out. */
  readonly directory?: string;
}

/** nats-servers on loopback, each with a directory of its own, that end with the running test. */
export class NatsServers {
  readonly servers: readonly NatsServer[];

  private constructor(servers: readonly NatsServer[]) {
    this.servers = servers;
  }

  /** Starts them; resolves when streams of as many replicas can be made. */
  static async start(options: NatsOptions): Promise<NatsServers> {
    for (let attempt = 1; ; attempt++) {
      const servers = new NatsServers(await planServers(options));
      atEnd(() => servers.#end());
      try {
        await Promise.all(servers.servers.map((server) => server.start()));
        await servers.ready();
        return servers;
      } catch (error) {
        // Somebody else has taken one of the ports.
        if (attempt === 3 || !String(error).includes('address already in use')) throw error;
        await servers.#end();
      }
    }
  }

  /** For a client, which may connect to any of them. */
  get urls(): string[] {
    return this.servers.map(({ url }) => url);
  }

  get monitorUrls(): string[] {
    return this.servers.map(({ monitorUrl }) => monitorUrl);
  }

  /** Resolves when all that run know each other and have a leader. */
  async ready(): Promise<void> {
    await Promise.all(this.servers.filter(({ isRunning }) => isRunning).map((server) => server.ready()));
  }

  /** The server that leads a stream, by the word of any that knows. */
  async leaderOf(stream: string): Promise<NatsServer> {
    return await until(async () => {
      for (const server of this.servers) {
        const leader = await server.leaderOf(stream);
        const found = this.servers.find(({ name }) => name === leader);
        if (found?.isRunning) return found;
      }
      return undefined;
    }, `a leader of ${stream}`);
  }

  async #end(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.remove()));
  }
}

/** One of {@link NatsServers}. Killed, it can be started again with the same name, ports and directory. */
export class NatsServer {
  readonly name: string;
  readonly url: string;
  readonly monitorUrl: string;
  readonly directory: string;
  readonly #configFile: string;
  readonly #count: number;
  readonly #lines: string[] = [];
  #process: ChildProcess | undefined = undefined;

  constructor(name: string, ports: ServerPorts, directory: string, configFile: string, count: number) {
    this.name = name;
    this.url = `nats://127.0.0.1:${ports.client}`;
    this.monitorUrl = `http://127.0.0.1:${ports.monitor}`;
    this.directory = directory;
    this.#configFile = configFile;
    this.#count = count;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const child = startChild([natsServer(), '-c', this.#configFile], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#process = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#lines.push(...text.trimEnd().split('\n'));
      this.#lines.splice(0, this.#lines.length - LINES_KEPT);
    });
    await until(async () => {
      if (!this.isRunning) throw new Error(`${this.name} has ended:\n${this.#lines.join('\n')}`);
      return (await this.#asked('/healthz?js-enabled-only=true')) === undefined ? undefined : true;
    }, `an answer of ${this.name}`);
  }

  /** Resolves when it knows the leader of them all, and as many others as there are. */
  async ready(): Promise<void> {
    await until(async () => {
      const { meta_cluster: meta } = ((await this.#asked('/jsz')) ?? {}) as JetStreamState;
      if (this.#count === 1) return true;
      const isWhole = meta?.leader !== undefined && meta.leader !== '' && meta.cluster_size === this.#count;
      return isWhole && (await this.#asked('/healthz')) !== undefined ? true : undefined;
    }, `${this.name} to be ready`);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#process !== undefined) await endNow(this.#process);
  }

  /** Removes all that it has kept; to be called while it does not run. */
  empty(): void {
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.directory);
  }

  /** It does nothing more, and its connections stay open. */
  freeze(): void {
    this.#process?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Name of the server that leads a stream, as this one has it. */
  async leaderOf(stream: string): Promise<string | undefined> {
    const { account_details: accounts = [] } = ((await this.#asked('/jsz?streams=true')) ?? {}) as JetStreamState;
    const streams = accounts.flatMap(({ stream_detail: details = [] }) => details);
    return streams.find(({ name }) => name === stream)?.cluster?.leader;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
    rmSync(this.#configFile, { force: true });
  }

  /** Undefined unless it answers and is well. */
  async #asked(path: string): Promise<unknown> {
    try {
      const answer = await fetch(this.monitorUrl + path, { signal: AbortSignal.timeout(2_000) });
      const body: unknown = await answer.json();
      return answer.ok ? body : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Of `/jsz`, what is looked at. */
interface JetStreamState {
  readonly meta_cluster?: { readonly leader?: string; readonly cluster_size?: number };
  readonly account_details?: readonly {
    readonly stream_detail?: readonly { readonly name: string; readonly cluster?: { readonly leader?: string } }[];
  }[];
}

interface ServerPorts {
  readonly client: number;
  readonly monitor: number;
  readonly route: number;
}

async function planServers(options: NatsOptions): Promise<NatsServer[]> {
  const ports: ServerPorts[] = [];
  for (let i = 0; i < options.count; i++) {
    ports.push({ client: await freePort(), monitor: await freePort(), route: await freePort() });
  }
  const parent = options.directory ?? (existsSync(SHARED_MEMORY) ? SHARED_MEMORY : tmpdir());
  return ports.map((own, i) => {
    const name = `n${i + 1}`;
    const directory = mkdtempSync(join(parent, `stateway-nats-${name}-`));
    const configFile = `${directory}.conf`;
    writeFileSync(configFile, configOf(name, own, ports, directory, options));
    return new NatsServer(name, own, directory, configFile, options.count);
  });
}

function configOf(
  name: string,
  own: ServerPorts,
  all: readonly ServerPorts[],
  directory: string,
  { isSynced = true, maxStoreBytes = 2 ** 30 }: NatsOptions,
): string {
  const lines = [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${own.client}"`,
    `http: "127.0.0.1:${own.monitor}"`,
    `jetstream: { store_dir: "${directory}", max_file_store: ${maxStoreBytes}${isSynced ? ', sync_interval: always' : ''} }`,
  ];
  if (all.length > 1) {
    const routes = all.map(({ route }) => `"nats://127.0.0.1:${route}"`).join(', ');
    lines.push(`cluster: { name: stateway-test, listen: "127.0.0.1:${own.route}", routes: [${routes}] }`);
  }
  return `${lines.join('\n')}\n`;
}

async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

async function until<Found>(look: () => Promise<Found | undefined>, what: string): Promise<Found> {
  const endMs = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await sleep(POLL_MS);
  }
}
