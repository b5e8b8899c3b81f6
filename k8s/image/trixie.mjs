/**
 * The longer form of the check: on Debian trixie with the image's Node, in a folder, by `debootstrap` and `chroot`. There
 * the newer uWebSockets.js loads, which needs a newer C library than many build machines have. Needs root.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT, seal, stageFiles } from './stage.mjs';

/** The newer republication of uWebSockets.js (README, "The web server underneath"). */
const EXPECTED_UWS = '@btc-vision/uwebsockets.js';
const END_TO_END = [
  'test/app/end-to-end.test.ts',
  'test/app/losant-rest.test.ts',
  'test/front/uws.test.ts',
  'test/front/server.test.ts',
  'test/front/tls.test.ts',
];

/**
 * The mounts are in a namespace of their own, so that they are gone with it. The project is seen through an overlay,
 * so that nothing that happens here is written into it, and the system is read-only. What counts is the line that
 * `test/frame/tally-reporter.ts` prints: a test run that ends early is no success.
 */
const IN_THE_ROOT = `
mount --bind "$ROOT" "$ROOT"
mount -t proc proc "$ROOT/proc"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/scratch"
mkdir "$ROOT/scratch/upper" "$ROOT/scratch/work"
mount -t overlay -o "lowerdir=$PROJECT,upperdir=$ROOT/scratch/upper,workdir=$ROOT/scratch/work" overlay "$ROOT/project"
mount -o remount,bind,ro "$ROOT"
inside() {
  env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/scratch chroot "$ROOT" "$@"
}
inside node /project/k8s/image/check.mjs --stage /app --uws "$EXPECTED_UWS"
echo "end to end, with the binaries that the image has:"
inside sh -euc 'cd /project
for package in uws-current uws-compat; do node k8s/image/prune-binaries.mjs node_modules/$package >/dev/null; done
node node_modules/vitest/vitest.mjs run "$@"' sh $END_TO_END | tee "$ROOT/scratch/log"
grep -qx '[1-9][0-9]* passed, 0 failed' "$ROOT/scratch/log"
`;

/**
 * Builds the system, stages, checks, and runs the end-to-end tests on it. Takes some minutes and half a gigabyte.
 * @throws Error when it cannot be had here, or a step failed
 */
export function checkOnTrixie() {
  if (process.getuid?.() !== 0) throw new Error('--trixie must be run as root');
  if (spawnSync('debootstrap', ['--version']).status !== 0) {
    throw new Error('--trixie needs debootstrap (apt-get install debootstrap)');
  }
  const root = mkdtempSync(join(tmpdir(), 'stateway-trixie-'));
  // It is to be the root of another user too.
  chmodSync(root, 0o755);
  try {
    // The tests make certificates with openssl; the program needs nothing beside the base system.
    step('Debian trixie', 'debootstrap', ['--variant=minbase', '--include=openssl', 'trixie', root]);
    installNode(root);
    stageFiles(join(root, 'app'));
    for (const folder of ['project', 'scratch']) mkdirSync(join(root, folder));
    copyFileSync(join(PROJECT_ROOT, 'k8s/image/prune-binaries.mjs'), join(root, 'prune-binaries.mjs'));
    step('binaries of this platform alone', 'chroot', [root, 'node', '/prune-binaries.mjs', '/app']);
    seal(join(root, 'app'));
    const env = { ...process.env, ROOT: root, PROJECT: PROJECT_ROOT, EXPECTED_UWS, END_TO_END: END_TO_END.join(' ') };
    const args = ['--mount', '--propagation', 'private', 'sh', '-euc', IN_THE_ROOT];
    const { status } = spawnSync('unshare', args, { env, stdio: 'inherit' });
    if (status !== 0) throw new Error(`the check on trixie failed (exit code ${status})`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/**
 * The newest of the image's line of Node, from the npm package that holds its binary.
 * @param {string} root
 */
function installNode(root) {
  const [, major] = /^FROM node:(\d+)-/m.exec(readFileSync(join(PROJECT_ROOT, 'Dockerfile'), 'utf8')) ?? [];
  const name = `node-linux-${process.arch}`;
  const packages = join(root, 'node-package');
  step(`Node ${major}`, 'npm', ['install', '--no-save', '--loglevel=error', '--prefix', packages, `${name}@${major}`]);
  copyFileSync(join(packages, 'node_modules', name, 'bin', 'node'), join(root, 'usr/local/bin/node'));
  rmSync(packages, { recursive: true });
}

/**
 * @param {string} what
 * @param {string} command
 * @param {string[]} args
 */
function step(what, command, args) {
  process.stdout.write(`${what}: ${command}\n`);
  const { status, stderr, stdout, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status === 0) return;
  const lastLines = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-5).join('\n');
  throw new Error(`${command} failed: ${error?.message ?? `exit code ${status}`}\n${lastLines}`);
}
