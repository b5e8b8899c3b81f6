import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SimulatedCloud } from '../../../src/simulator/cloud.js';
import { type PlannedDevice, planFleet } from '../../../src/simulator/fleet-plan.js';
import { descriptorsOf, fileOf } from '../../helpers/descriptors.js';
import { endNow, MAIN_FILE, startChild } from '../../helpers/program.js';
import { startProxy } from '../../helpers/running-proxy.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';

type LogLine = Record<string, unknown> & { event: string };

/** A named pipe that this process holds open: it is read when the test says so, and not before. */
class HeldPipe {
  readonly path = join(temporaryDirectory(), 'pipe');
  readonly descriptor: number;

  constructor() {
    execFileSync('mkfifo', [this.path]);
    this.descriptor = openSync(this.path, constants.O_RDWR | constants.O_NONBLOCK);
    onTestFinished(() => closeSync(this.descriptor));
  }

  /** Fills it up to the last byte. */
  fill(): void {
    for (const bytes of [4_096, 1]) {
      try {
        for (;;) writeSync(this.descriptor, ' '.repeat(bytes));
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
      }
    }
  }

  /** What is in it, by one call to the kernel: nobody writes anything meanwhile. */
  empty(): string {
    const chunk = Buffer.alloc(1 << 20);
    return chunk.toString('utf8', 0, readSync(this.descriptor, chunk));
  }

  /** Lines that have come since, and that come as it reads, without what it was filled with. */
  read(): LogLine[] {
    const chunk = Buffer.alloc(1 << 20);
    let text = '';
    try {
      for (;;) text += chunk.toString('utf8', 0, readSync(this.descriptor, chunk));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
    }
    const lines = text.split('\n').map((line) => line.trim());
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as LogLine);
  }
}

function start(pipe: HeldPipe, env: Record<string, string>): ChildProcess {
  // One that blocks, as a shell's pipe does.
  const output = openSync(pipe.path, 'w');
  const listen = { STATEWAY_LISTEN: '127.0.0.1:0', STATEWAY_ADMIN_LISTEN: '127.0.0.1:0' };
  const child = startChild([MAIN_FILE, 'serve'], {
    env: { PATH: process.env.PATH, STATEWAY_DATA_DIR: join(temporaryDirectory(), 'data'), ...listen, ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  onTestFinished(() => endNow(child));
  return child;
}

/** Reads until a line of that event has come. */
async function untilRead(pipe: HeldPipe, event: string): Promise<{ line: LogLine; before: LogLine[] }> {
  const lines: LogLine[] = [];
  await expect.poll(() => lines.push(...pipe.read()) && lines.some((line) => line.event === event)).toBe(true);
  const at = lines.findIndex((line) => line.event === event);
  return { line: lines[at] as LogLine, before: lines.slice(0, at) };
}

async function stop(child: ChildProcess): Promise<{ code: number; tookMs: number }> {
  const startedMs = performance.now();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number];
  return { code, tookMs: performance.now() - startedMs };
}

/** A cloud, and devices of whose states the running proxy at `listen` has a line to write for each. */
class Plant {
  readonly devices = planFleet(5, 'stuck log');
  readonly cloud = new SimulatedCloud({ devices: this.devices });

  async open(): Promise<string> {
    onTestFinished(() => this.cloud.close());
    return this.cloud.start({ host: '127.0.0.1', port: 0 });
  }

  /** Has each device parked, which is a line of the log. Each state is answered 200 all the same. */
  async causeLines(listen: unknown): Promise<void> {
    for (const device of this.devices) {
      const token = await logIn(listen, device);
      this.cloud.revokeDevice(device.deviceId);
      const answer = await fetch(
        `http://${listen}/applications/${device.applicationId}/devices/${device.deviceId}/state`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
          body: '{"data":{"n":1}}',
        },
      );
      expect(answer.status).toBe(200);
    }
  }
}

async function logIn(listen: unknown, device: PlannedDevice): Promise<string> {
  const body = JSON.stringify({ deviceId: device.deviceId, ...device.credentials });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://${listen}/auth/device`, { method: 'POST', headers, body });
  return ((await answer.json()) as { token: string }).token;
}

async function metric(adminListen: unknown, name: string): Promise<number> {
  const text = await (await fetch(`http://${adminListen}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

/** Where the proxy's admin side is, as the system knows it. */
async function untilListening({ pid }: ChildProcess): Promise<string> {
  const find = async () => {
    for (const port of listeningPorts(pid as number)) {
      const answer = await fetch(`http://127.0.0.1:${port}/healthz`);
      if ((await answer.text()).includes('"alive":true')) return `127.0.0.1:${port}`;
    }
    return undefined;
  };
  return expect.poll(find).toBeDefined().then(find) as Promise<string>;
}

/** Of TCP sockets of a process (proc(5), "/proc/net/tcp"). */
function listeningPorts(pid: number): number[] {
  const links = descriptorsOf(pid).map((descriptor) => fileOf(pid, descriptor));
  const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1);
  const listening = rows.map((row) => row.trim().split(/\s+/)).filter(([, , , state]) => state === '0A');
  return listening
    .filter((row) => links.includes(`socket:[${row[9]}]`))
    .map(([, local = '']) => Number.parseInt(local.split(':')[1] as string, 16));
}

/** Devices parked, as the metrics count them: their lines have been written, or wait to be. */
async function untilParked(adminListen: unknown, devices: number): Promise<void> {
  const parked = async () => metric(adminListen, 'stateway_lanes{state="parked"}');
  await expect.poll(parked).toBe(devices);
}

test('a reader that is stuck holds up no device, no probe and no stop', async () => {
  const plant = new Plant();
  const pipe = new HeldPipe();
  const child = start(pipe, { STATEWAY_UPSTREAM_URL: await plant.open(), STATEWAY_WINDOW_MS: '0' });
  const { line } = await untilRead(pipe, 'ready');
  expect(line.level).toBe('info');
  pipe.fill();
  await plant.causeLines(line.listen);
  await untilParked(line.adminListen, plant.devices.length);
  expect((await fetch(`http://${line.adminListen}/healthz`)).status).toBe(200);
  const { code, tookMs } = await stop(child);
  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(10_000);
});

test('a reader that reads again has every line that was kept, those of the end too', async () => {
  const plant = new Plant();
  const pipe = new HeldPipe();
  const child = start(pipe, { STATEWAY_UPSTREAM_URL: await plant.open(), STATEWAY_WINDOW_MS: '0' });
  const { line } = await untilRead(pipe, 'ready');
  pipe.fill();
  await plant.causeLines(line.listen);
  await untilParked(line.adminListen, plant.devices.length);
  expect(pipe.empty().trim()).toBe('');
  // What waited is written now, and then what is said at the end.
  const { code } = await stop(child);
  expect(code).toBe(0);
  const events = pipe.read().map(({ event, level }) => [event, level]);
  const parked = plant.devices.map(() => ['device-parked', 'warn']);
  expect(events).toEqual([...parked, ['draining', 'info'], ['stopped', 'info']]);
});

test('lines that nobody could take are dropped and counted, and the log says how many', async () => {
  const plant = new Plant();
  const pipe = new HeldPipe();
  pipe.fill();
  // The line of the start is longer than all that may wait.
  const url = `${await plant.open()}/${'x'.repeat(100_000)}`;
  const child = start(pipe, { STATEWAY_UPSTREAM_URL: url });
  const adminListen = await untilListening(child);
  const dropped = await metric(adminListen, 'stateway_log_dropped_total');
  expect(dropped).toBeGreaterThanOrEqual(1);
  const { line, before } = await untilRead(pipe, 'log-dropped');
  expect(before).toEqual([]);
  expect(line).toMatchObject({ level: 'warn', lines: expect.any(Number), msg: expect.any(String) });
  expect(line.lines).toBeGreaterThanOrEqual(dropped);
  expect(await metric(adminListen, 'stateway_log_dropped_total')).toBe(line.lines);
  expect((await stop(child)).code).toBe(0);
  expect(pipe.read().at(-1)?.event).toBe('stopped');
});

test('a reader that is gone ends nothing; what it did not take is counted', async () => {
  const plant = new Plant();
  const proxy = await startProxy({
    upstreamUrl: await plant.open(),
    dataDir: temporaryDirectory(),
    env: { STATEWAY_WINDOW_MS: '0' },
  });
  onTestFinished(() => proxy.kill());
  proxy.process.stdout?.destroy();
  proxy.process.stderr?.destroy();
  const [listen, adminListen] = [proxy.url, proxy.adminUrl].map((url) => new URL(url).host);
  await plant.causeLines(listen);
  await untilParked(adminListen, plant.devices.length);
  expect(await metric(adminListen, 'stateway_log_dropped_total')).toBe(plant.devices.length);
  expect(await proxy.stop()).toBe(0);
});

test('a terminal that is held holds up no stop', async () => {
  const dataDir = join(temporaryDirectory(), 'data');
  const env = { STATEWAY_LISTEN: '127.0.0.1:0', STATEWAY_ADMIN_LISTEN: '127.0.0.1:0', STATEWAY_DATA_DIR: dataDir };
  // script(1) gives its command a terminal, and is all that reads from it.
  const script = startChild(['script', '-qefc', `exec ${MAIN_FILE} serve`, '/dev/null'], {
    env: { PATH: process.env.PATH, ...env },
  });
  onTestFinished(() => endNow(script));
  let shown = '';
  script.stdout.on('data', (chunk) => {
    shown += chunk;
  });
  await expect.poll(() => shown).toContain('restoredGrants');
  expect(shown).toMatch(/INFO.*ready on 127\.0\.0\.1:/);
  const pid = Number(readFileSync(`/proc/${script.pid}/task/${script.pid}/children`, 'utf8'));
  onTestFinished(() => killIfThere(pid));
  script.kill('SIGSTOP');
  fillTerminal(readlinkSync(`/proc/${pid}/fd/1`));
  process.kill(pid, 'SIGTERM');
  // It is there, but ended, until its parent has seen it.
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /);
  script.kill('SIGCONT');
  expect((await once(script, 'exit'))[0]).toBe(0);
});

function fillTerminal(path: string): void {
  const terminal = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    for (;;) writeSync(terminal, ' ');
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('EAGAIN');
  } finally {
    closeSync(terminal);
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended, as it should.
  }
}
