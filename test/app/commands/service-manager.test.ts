import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { notHere } from '../../helpers/fault-form.js';
import { startChild } from '../../helpers/program.js';
import { startProxy } from '../../helpers/running-proxy.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

/** A service manager's socket, in Perl, which Debian always has: Node has no datagram sockets of the local kind. */
const LISTENER = `use Socket; $| = 1;
socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un($ARGV[0])) or die; print "bound\\n";
while (recv($s, my $words, 4096, 0) || 1) { print "$words\\n" if length $words; }`;

/** No cloud: nothing here needs one. */
const NO_CLOUD = 'http://127.0.0.1:9';

const missing = ['perl', 'systemd-notify'].filter((program) => spawnSync(program, ['--version']).error !== undefined);
const why = missing.length > 0 ? notHere('what a service manager is told', `no ${missing.join(', no ')}`) : undefined;

/** The words that arrive at a socket, as they come. */
class Told {
  readonly words: string[] = [];
  readonly #listener: ChildProcess;
  #changed: () => void = () => {};

  private constructor(listener: ChildProcess) {
    this.#listener = listener;
    if (listener.stdout === null) throw new Error('no output');
    createInterface({ input: listener.stdout }).on('line', (line) => {
      // By which systemd-notify waits until it was heard (sd_notify_barrier(3)).
      if (line === 'BARRIER=1') return;
      this.words.push(line);
      this.#changed();
    });
  }

  static async at(path: string): Promise<Told> {
    const listener = startChild(['perl', '-e', LISTENER, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(async () => {
      listener.kill('SIGKILL');
      await once(listener, 'close');
    });
    const told = new Told(listener);
    await told.until((words) => words.length === 1);
    return told;
  }

  async until(isEnough: (words: readonly string[]) => boolean): Promise<void> {
    while (!isEnough(this.words)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        this.#listener.once('exit', () => resolve());
      });
    }
  }
}

describe.skipIf(why !== undefined)('a service manager', () => {
  it('is told when devices are served, and that the end has begun', async () => {
    const folder = temporaryDirectory();
    const socket = join(folder, 'notify');
    const told = await Told.at(socket);
    const proxy = await startProxy({
      upstreamUrl: NO_CLOUD,
      dataDir: join(folder, 'data'),
      env: { NOTIFY_SOCKET: socket },
    });
    await told.until((words) => words.includes('READY=1'));
    expect(told.words).toEqual(['bound', 'READY=1']);
    expect(await proxy.stop()).toBe(0);
    await told.until((words) => words.includes('STOPPING=1'));
    expect(told.words).toEqual(['bound', 'READY=1', 'STOPPING=1']);
  });

  it('hears of the main thread as often as its watchdog wants', async () => {
    const folder = temporaryDirectory();
    const socket = join(folder, 'notify');
    const told = await Told.at(socket);
    const proxy = await startProxy({
      upstreamUrl: NO_CLOUD,
      dataDir: join(folder, 'data'),
      env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '200000' },
    });
    await told.until((words) => words.filter((line) => line === 'WATCHDOG=1').length >= 3);
    expect(told.words.slice(0, 3)).toEqual(['bound', 'READY=1', 'WATCHDOG=1']);
    await proxy.stop();
  });

  it("hears nothing of a watchdog that is another process's", async () => {
    const folder = temporaryDirectory();
    const socket = join(folder, 'notify');
    const told = await Told.at(socket);
    const proxy = await startProxy({
      upstreamUrl: NO_CLOUD,
      dataDir: join(folder, 'data'),
      env: { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' },
    });
    await told.until((words) => words.includes('READY=1'));
    await proxy.stop();
    await told.until((words) => words.includes('STOPPING=1'));
    expect(told.words).not.toContain('WATCHDOG=1');
  });

  it('is not told that it is served where the start fails', async () => {
    const folder = temporaryDirectory();
    const socket = join(folder, 'notify');
    const told = await Told.at(socket);
    const options = { upstreamUrl: NO_CLOUD, dataDir: join(folder, 'data'), env: { NOTIFY_SOCKET: socket } };
    const first = await startProxy(options);
    await expect(startProxy(options)).rejects.toThrow('1');
    await first.stop();
    await told.until((words) => words.includes('STOPPING=1'));
    expect(told.words.filter((line) => line === 'READY=1')).toHaveLength(1);
  });
});

describe('without the program that speaks', () => {
  it('the proxy serves on, and says what is wrong', async () => {
    const folder = temporaryDirectory();
    const programs = join(folder, 'programs');
    mkdirSync(programs);
    symlinkSync(process.execPath, join(programs, 'node'));
    // By which the tests start it.
    symlinkSync('/usr/bin/setpriv', join(programs, 'setpriv'));
    const proxy = await startProxy({
      upstreamUrl: NO_CLOUD,
      dataDir: join(folder, 'data'),
      env: { PATH: programs, NOTIFY_SOCKET: join(folder, 'nobody') },
    });
    await expect.poll(() => proxy.log.map(({ event }) => event)).toContain('notify-failed');
    expect(proxy.log.find(({ event }) => event === 'notify-failed')).toMatchObject({ reason: 'it ended with 127' });
    expect((await fetch(`${proxy.adminUrl}/readyz`)).status).toBe(200);
    expect(await proxy.stop()).toBe(0);
  });
});
