/**
 * The longer form of the check: on Debian trixie with the image's Node, in a folder, by `debootstrap` and `chroot`. There
 * the newer uWebSockets.js loads, which needs a newer C library than many build machines have. Needs root.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PROJECT_ROOT, removeSealed, seal, stageFiles } from './stage.mjs';

/** The newer republication of uWebSockets.js (README, "The web server underneath"). */
const EXPECTED_UWS = '@btc-vision/uwebsockets.js';
/** All that runs the program or its web server with real sockets, and the timers that Node 24 warns of. */
const END_TO_END = ['test/app', 'test/front', 'test/core/time/clock.test.ts'];
/**
 * Of them, the slow ones whose subject is the cloud, a clock or a command, and no socket of a device: the pairs differ in
 * the web server. They are left out where time is short.
 */
const CLOUD_SIDE = [
  'carried-over',
  'commands/check-command',
  'clock-and-rate',
  'clock-and-tokens',
  'given-by-file',
  'held-apart',
  'moved-cloud',
  'not-the-cloud',
  'offline',
  'one-cause',
  'proof-order',
  'refused-everywhere',
  'refused-share',
  'runbook',
  'simulated-broker',
  'slow-line',
  'strangers-memory',
  'upstream-health',
  'wrong-clock',
];

/** The system cannot be had on this machine: nothing is said of the program. */
export class NotHereError extends Error {}

/**
 * The mounts are in a namespace of their own, so that they are gone with it. The project is seen through an overlay,
 * so that nothing that happens here is written into it, and the system is read-only. The packages are mounted by
 * themselves, as `node_modules` may be a link. What counts is the line that `test/frame/tally-reporter.ts` prints: a
 * test run that ends early is no success.
 */
const IN_THE_ROOT = `
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/scratch"
seen() {
  mkdir "$ROOT/scratch/upper-$1" "$ROOT/scratch/work-$1"
  mount -t overlay -o "lowerdir=$2,upperdir=$ROOT/scratch/upper-$1,workdir=$ROOT/scratch/work-$1" overlay "$3"
}
seen project "$PROJECT" "$ROOT/project"
if [ -L "$ROOT/project/node_modules" ]; then rm "$ROOT/project/node_modules"; mkdir "$ROOT/project/node_modules"; fi
seen modules "$MODULES" "$ROOT/project/node_modules"
mount -o remount,bind,ro "$ROOT"
inside() {
  env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/scratch chroot "$ROOT" "$@"
}
if [ -n "$STAGED" ]; then inside node /project/k8s/image/check.mjs --stage "$STAGED" --uws "$EXPECTED_UWS"; fi
echo "tests, with the binaries that the image has:"
inside sh -euc 'cd /project
for package in uws-current uws-compat; do node k8s/image/prune-binaries.mjs node_modules/$package >/dev/null; done
node node_modules/vitest/vitest.mjs run "$@"' sh $TESTS | tee "$ROOT/scratch/log"
grep -qx '[1-9][0-9]* passed, 0 failed' "$ROOT/scratch/log"
`;

/**
 * Builds the system, stages, checks, and runs the end-to-end tests on it. Takes some minutes and half a gigabyte.
 * @param {{ root?: string | undefined, tests?: readonly string[], isBrief?: boolean | undefined }} [options] `root`: a folder
 *   that the system is kept in, and taken from the next time; `tests`: run these files alone, and stage nothing; `isBrief`:
 *   leave out what is of the cloud's side
 * @throws Error when it cannot be had here, or a step failed
 */
export function checkOnTrixie({ root: kept, tests = [], isBrief = false } = {}) {
  if (process.getuid?.() !== 0) throw new NotHereError('--trixie must be run as root');
  if (spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]).status !== 0) {
    throw new NotHereError('--trixie needs a namespace of its own to mount in, which cannot be had here');
  }
  const root = kept === undefined ? mkdtempSync(join(tmpdir(), 'stateway-trixie-')) : resolve(kept);
  try {
    buildSystem(root);
    const isWhole = tests.length === 0;
    const leftOut = isBrief ? CLOUD_SIDE.flatMap((name) => ['--exclude', `test/app/${name}.test.ts`]) : [];
    if (isWhole) stageInto(root);
    const env = {
      ...process.env,
      ROOT: root,
      PROJECT: PROJECT_ROOT,
      MODULES: realpathSync(join(PROJECT_ROOT, 'node_modules')),
      STAGED: isWhole ? '/app' : '',
      EXPECTED_UWS,
      TESTS: [...(isWhole ? END_TO_END : tests), ...leftOut].join(' '),
    };
    const args = ['--mount', '--propagation', 'private', 'sh', '-euc', IN_THE_ROOT];
    const { status } = spawnSync('unshare', args, { env, stdio: 'inherit' });
    if (status !== 0) throw new Error(`the check on trixie failed (exit code ${status})`);
  } finally {
    if (kept === undefined) rmSync(root, { recursive: true, force: true });
  }
}

/**
 * What is there of it already is left as it is.
 * @param {string} root
 */
function buildSystem(root) {
  mkdirSync(root, { recursive: true });
  // It is to be the root of another user too.
  chmodSync(root, 0o755);
  // debootstrap takes its own folder away when it is done.
  if (!existsSync(join(root, 'etc/debian_version')) || existsSync(join(root, 'debootstrap'))) {
    if (spawnSync('debootstrap', ['--version']).status !== 0) {
      throw new NotHereError('--trixie needs debootstrap (apt-get install debootstrap)');
    }
    // The tests make certificates and watch system calls; the program needs nothing beside the base system.
    step(
      'Debian trixie',
      'debootstrap',
      ['--variant=minbase', '--include=openssl,strace', 'trixie', root],
      NotHereError,
    );
  }
  if (!existsSync(join(root, 'usr/local/bin/node'))) installNode(root);
  for (const folder of ['project', 'scratch']) mkdirSync(join(root, folder), { recursive: true });
}

/** @param {string} root */
function stageInto(root) {
  const app = join(root, 'app');
  removeSealed(app);
  stageFiles(app);
  copyFileSync(join(PROJECT_ROOT, 'k8s/image/prune-binaries.mjs'), join(root, 'prune-binaries.mjs'));
  step('binaries of this platform alone', 'chroot', [root, 'node', '/prune-binaries.mjs', '/app']);
  seal(app);
}

/**
 * The newest of the image's line of Node, from the npm package that holds its binary.
 * @param {string} root
 */
function installNode(root) {
  const [, major] = /^FROM node:(\d+)-/m.exec(readFileSync(join(PROJECT_ROOT, 'Dockerfile'), 'utf8')) ?? [];
  const name = `node-linux-${process.arch}`;
  const packages = join(root, 'node-package');
  const install = ['install', '--no-save', '--loglevel=error', '--prefix', packages, `${name}@${major}`];
  step(`Node ${major}`, 'npm', install, NotHereError);
  copyFileSync(join(packages, 'node_modules', name, 'bin', 'node'), join(root, 'usr/local/bin/node'));
  rmSync(packages, { recursive: true });
}

/**
 * @param {string} what
 * @param {string} command
 * @param {string[]} args
 * @param {new (message: string) => Error} Failure
 */
function step(what, command, args, Failure = Error) {
  process.stdout.write(`${what}: ${command}\n`);
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  const lastLines = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
  throw new Failure(`${command} failed: ${error?.message ?? `exit code ${status}`}\n${lastLines}`);
}
