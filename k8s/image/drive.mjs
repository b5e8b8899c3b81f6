/** Runs the program of a staged folder as a container would, and uses it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const hasNamespaces = isRoot && spawnSync('unshare', ['--pid', '--fork', 'true']).status === 0;
const STOP_WITHIN_MS = 10_000;
const DELIVER_WITHIN_MS = 15_000;
const WARNING_OF_NODE = /^\(node:\d+\) /m;

/** How the program is started here, in words. */
export const HOW_STARTED = isRoot
  ? `as user ${NOBODY}, ${hasNamespaces ? 'as process 1 of a namespace' : 'not as process 1: no namespace can be made here'}`
  : 'as this very user, not as process 1: only root can start it otherwise';

/**
 * Log-in, states in each form, delivery, admin side, commands, stop.
 * @param {string} folder a staged folder
 * @returns {Promise<{ uws: string, rssBytes: number }>} what runs underneath, and the memory it took
 * @throws Error naming the step that failed
 */
export async function drive(folder) {
  const dataDir = mkdtempSync(join(tmpdir(), 'stateway-image-data-'));
  if (isRoot) chownSync(dataDir, NOBODY, NOBODY);
  /** @type {Program[]} */
  const programs = [];
  const start = (/** @type {string[]} */ args, env = {}) => {
    const program = new Program(folder, args, env);
    programs.push(program);
    return program;
  };
  try {
    const cloud = await start(['simulate', 'cloud', '--listen', '127.0.0.1:0', '--devices', '1', '--json']).ready();
    const env = { STATEWAY_UPSTREAM_URL: cloud.url, STATEWAY_DATA_DIR: dataDir };
    const proxy = start(['serve'], { ...env, STATEWAY_LISTEN: '127.0.0.1:0', STATEWAY_ADMIN_LISTEN: '127.0.0.1:0' });
    const { listen, adminListen, uws } = await proxy.ready();
    await useDeviceSide(folder, listen, cloud.url);
    await useAdminSide(adminListen);
    const asHealthcheck = { ...env, STATEWAY_ADMIN_LISTEN: adminListen };
    expectExit(folder, ['healthcheck'], asHealthcheck, 0);
    expectExit(folder, ['config'], env, 0);
    expectExit(folder, ['check'], { ...env, STATEWAY_MAX_SPOOL_BYTES: '64MiB' }, 0);
    const rssBytes = proxy.rssBytes();
    await proxy.stop();
    expectExit(folder, ['healthcheck'], asHealthcheck, 1);
    expectExit(folder, ['spool', 'status'], env, 0);
    return { uws, rssBytes };
  } finally {
    for (const program of programs) program.kill();
    await Promise.all(programs.map(({ exited }) => exited));
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** A long-running command of the staged program. */
class Program {
  #errors = '';

  /**
   * @param {string} folder
   * @param {string[]} args
   * @param {Record<string, string>} env
   */
  constructor(folder, args, env) {
    this.name = args.join(' ');
    const [command, ...rest] = commandLine(folder, args, hasNamespaces);
    this.child = spawn(command, rest, { cwd: '/', env: environment(folder, env), stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stderr.on('data', (chunk) => {
      this.#errors += chunk;
    });
    this.exited = once(this.child, 'exit');
  }

  /** The line it prints when it is ready. */
  ready() {
    return new Promise((resolve, reject) => {
      createInterface({ input: this.child.stdout }).on('line', (line) => {
        const entry = JSON.parse(line);
        if (entry.event === 'ready') resolve(entry);
      });
      this.child.once('error', reject);
      this.child.once('exit', (code) => reject(new Error(`"${this.name}" ended with ${code}: ${this.#errors}`)));
    });
  }

  /** SIGTERM, which must end it with exit code 0 in time. */
  async stop() {
    process.kill(this.#pid(), 'SIGTERM');
    const late = setTimeout(() => this.kill(), STOP_WITHIN_MS);
    const [code, signal] = await this.exited;
    clearTimeout(late);
    if (code !== 0) throw new Error(`"${this.name}" ended with ${signal ?? code} after SIGTERM, not with 0 in time`);
    if (WARNING_OF_NODE.test(this.#errors)) throw new Error(`Node warned of "${this.name}": ${this.#errors}`);
  }

  /** Of the program itself: the kernel forgets `--kill-child` when the user changes (prctl(2), PR_SET_PDEATHSIG). */
  kill() {
    if (this.child.exitCode === null && this.child.signalCode === null) process.kill(this.#pid(), 'SIGKILL');
  }

  rssBytes() {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#pid()}/status`, 'utf8')) ?? [];
    return Number(kilobytes) * 1024;
  }

  /** Of the program itself, which in a namespace is the child of `unshare`. */
  #pid() {
    const { pid } = this.child;
    const ofUnshare = hasNamespaces ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim() : '';
    return Number(ofUnshare || pid);
  }
}

/**
 * As the image's entry point, as another user where that can be had.
 * @param {string} folder
 * @param {string[]} args
 * @param {boolean} asProcessOne
 * @returns {[string, ...string[]]}
 */
function commandLine(folder, args, asProcessOne) {
  const words = [
    ...(asProcessOne ? ['unshare', '--pid', '--fork'] : []),
    ...(isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'] : []),
    join(folder, 'bin', 'stateway'),
    ...args,
  ];
  return /** @type {[string, ...string[]]} */ (words);
}

/**
 * Nothing of this process's own environment but what the image sets.
 * @param {string} folder
 * @param {Record<string, string>} env
 */
function environment(folder, env) {
  const path = [join(folder, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);
  return { PATH: path, NODE_ENV: 'production', ...env };
}

/**
 * @param {string} folder
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @param {number} expected
 */
function expectExit(folder, args, env, expected) {
  const [command, ...rest] = commandLine(folder, args, false);
  const options = { cwd: '/', env: environment(folder, env), encoding: /** @type {const} */ ('utf8') };
  const { status, stdout, stderr } = spawnSync(command, rest, options);
  if (status !== expected) throw new Error(`"stateway ${args.join(' ')}" ended with ${status}: ${stdout}${stderr}`);
}

/**
 * A log-in, then a state as JSON, as MessagePack and in a WebSocket's frame; all of them must reach the cloud.
 * @param {string} folder
 * @param {string} listen
 * @param {string} cloudUrl
 */
async function useDeviceSide(folder, listen, cloudUrl) {
  const { planFleet } = await import(pathToFileURL(join(folder, 'dist/src/simulator/fleet-plan.js')).href);
  const [{ applicationId, deviceId, credentials }] = planFleet(1);
  const json = { 'content-type': 'application/json' };
  const login = { method: 'POST', headers: json, body: JSON.stringify({ deviceId, ...credentials }) };
  const { token } = await answer(`http://${listen}/auth/device`, login);
  const statePath = `/applications/${applicationId}/devices/${deviceId}/state`;
  const authorization = `Bearer ${token}`;
  const send = (/** @type {string} */ type, /** @type {BodyInit} */ body) =>
    answer(`http://${listen}${statePath}`, { method: 'POST', headers: { 'content-type': type, authorization }, body });
  await send('application/json', '{"data":{"n":1}}');
  // {"data":{"n":2}} in MessagePack.
  await send('application/msgpack', Uint8Array.of(0x81, 0xa4, 0x64, 0x61, 0x74, 0x61, 0x81, 0xa1, 0x6e, 0x02));
  await sendFrame(folder, `ws://${listen}${statePath}?token=${token}`, '{"data":{"n":3}}');
  await untilTaken(cloudUrl, deviceId, 3);
}

/**
 * @param {string} folder
 * @param {string} url
 * @param {string} frame
 */
async function sendFrame(folder, url, frame) {
  const { WebSocket } = createRequire(join(folder, 'package.json'))('undici');
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = () => socket.send(frame);
    socket.onclose = () => reject(new Error('the WebSocket was closed before the ack'));
    socket.onmessage = (/** @type {{ data: string }} */ { data }) =>
      data === '{"ack":1}' ? resolve(undefined) : reject(new Error(`the WebSocket answered ${data}`));
  });
  socket.close();
}

/**
 * @param {string} cloudUrl
 * @param {string} deviceId
 * @param {number} count
 */
async function untilTaken(cloudUrl, deviceId, count) {
  const deadlineMs = Date.now() + DELIVER_WITHIN_MS;
  for (;;) {
    const { states } = await answer(`${cloudUrl}/_simulator/devices/${deviceId}`);
    if (states === count) return;
    if (Date.now() > deadlineMs) throw new Error(`the cloud has ${states} states and not ${count}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Health, figures, and the page with everything it shows.
 * @param {string} adminListen
 */
async function useAdminSide(adminListen) {
  const base = `http://${adminListen}`;
  for (const path of ['/healthz', '/readyz', '/status', '/metrics']) await answer(base + path);
  const page = await answer(`${base}/`);
  for (const [, target] of page.matchAll(/\s(?:src|href)="(\/[^"]*)"/g)) {
    const response = await fetch(new URL(target, base));
    // Events go on for ever; that they begin is enough.
    await response.body?.cancel();
    if (response.status !== 200) throw new Error(`the page refers to ${target}, which answers ${response.status}`);
  }
}

/**
 * The body of an answer that must be 200.
 * @param {string} url
 * @param {RequestInit} [init]
 */
async function answer(url, init) {
  const response = await fetch(url, init);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${new URL(url).pathname} answered ${response.status}: ${text}`);
  return response.headers.get('content-type')?.startsWith('application/json') ? JSON.parse(text) : text;
}
