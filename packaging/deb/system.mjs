/**
 * A Debian of its own with systemd as process 1, on this machine's kernel: a root made by `debootstrap`, seen through an overlay
 * in memory, in namespaces of its own for mounts, processes, network and control groups. Needs root.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BOOT_WITHIN_MS = 60_000;
const END_WITHIN_MS = 10_000;

/**
 * What is mounted goes with the namespace. `/dev` has what every container has. Kernel modules, terminals and the like are
 * this machine's own: units that want them are left out. A mere chroot would keep services from having namespaces of users
 * (user_namespaces(7)), and mounts that are not shared keep credentials from them.
 */
const BOOT = `
mount -t tmpfs tmpfs "$SCRATCH"
mkdir "$SCRATCH/upper" "$SCRATCH/work" "$SCRATCH/root"
R="$SCRATCH/root"
mount -t overlay -o "lowerdir=$ROOT,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" overlay "$R"
mount -t proc proc "$R/proc"
mount -t sysfs -o ro sysfs "$R/sys"
mount -t cgroup2 cgroup2 "$R/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$R/dev"
for name in null zero full random urandom tty; do touch "$R/dev/$name"; mount --bind "/dev/$name" "$R/dev/$name"; done
touch "$R/dev/console"
mount --bind /dev/null "$R/dev/console"
ln -s /proc/self/fd "$R/dev/fd"
mkdir "$R/dev/shm" "$R/dev/pts" "$R/packages"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$R/dev/pts"
ln -s pts/ptmx "$R/dev/ptmx"
mount -t tmpfs -o mode=755 tmpfs "$R/run"
mount -t tmpfs -o mode=1777 tmpfs "$R/tmp"
mount --bind -o ro "$PACKAGES" "$R/packages"
ln -sf /dev/null "$R/etc/systemd/system/getty.target"
ln -sf /dev/null "$R/etc/systemd/system/systemd-modules-load.service"
mkdir "$R/was"
cd "$R"
pivot_root . was
umount --lazy /was
mount --make-rshared /
exec env -i container=stateway-check PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /usr/lib/systemd/systemd --system --unit=multi-user.target --log-target=journal </dev/null
`;

/** What such a system takes that is not here, in words; undefined where it can be had. */
export function whyNoSystem() {
  if (process.getuid?.() !== 0) return 'it takes root';
  for (const program of ['debootstrap', 'unshare', 'nsenter', 'dpkg-deb']) {
    if (spawnSync(program, ['--version']).error !== undefined) return `it takes ${program}`;
  }
  const mounts = 'mount -t tmpfs tmpfs /mnt && mount -t cgroup2 cgroup2 /mnt';
  if (spawnSync('unshare', ['--mount', '--pid', '--net', '--cgroup', '--fork', 'sh', '-c', mounts]).status !== 0) {
    return 'no namespaces with mounts of their own can be made here';
  }
  return whyNoControlGroup();
}

function whyNoControlGroup() {
  const groups = controlGroups();
  if (groups === undefined) return 'no control groups of version 2 are mounted here';
  try {
    const trial = mkdtempSync(join(groups, 'stateway-check-'));
    rmdirSync(trial);
    return undefined;
  } catch (error) {
    return `no control group can be made here (${/** @type {NodeJS.ErrnoException} */ (error).code})`;
  }
}

/** Where control groups of version 2 are mounted. */
function controlGroups() {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return mounts.find((line) => line.includes(' - cgroup2 '))?.split(' ')[4];
}

/**
 * Makes the root once; what is there already is left as it is.
 * @param {string} root the folder that it is kept in
 * @returns {string | undefined} why it cannot be made here, in words
 */
export function makeRoot(root) {
  // Written last.
  const made = join(root, 'etc/stateway-root');
  if (existsSync(made)) return undefined;
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o755);
  const args = ['--variant=minbase', '--include=systemd,procps,openssl', 'trixie', root];
  const { status, stdout, stderr } = spawnSync('debootstrap', args, { encoding: 'utf8' });
  if (status !== 0) {
    const lastLine = `${stdout}${stderr}`.trim().split('\n').at(-1);
    rmSync(root, { recursive: true, force: true });
    return `debootstrap failed: ${lastLine}`;
  }
  writeFileSync(made, '');
  return undefined;
}

/** A running system. */
export class DebianSystem {
  /** @type {import('node:child_process').ChildProcess[]} */
  #children = [];
  #scratch = mkdtempSync(join(tmpdir(), 'stateway-debian-'));
  #group = join(/** @type {string} */ (controlGroups()), `stateway-check-${process.pid}`);
  /** Of systemd, in this machine's numbers. */
  #pid = 0;

  /**
   * @param {string} root see {@link makeRoot}
   * @param {string} packages a folder that is `/packages` there
   */
  async boot(root, packages) {
    mkdirSync(this.#group);
    const enter =
      'echo $$ >"$GROUP/cgroup.procs"; exec unshare --mount --propagation private --pid --fork --net --uts --ipc --cgroup sh -euc "$BOOT"';
    const env = { ...process.env, GROUP: this.#group, SCRATCH: this.#scratch, ROOT: root, PACKAGES: packages, BOOT };
    const child = this.#start('sh', ['-euc', enter], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const deadlineMs = Date.now() + BOOT_WITHIN_MS;
    while (Date.now() < deadlineMs && child.exitCode === null) {
      await new Promise((wait) => setTimeout(wait, 100));
      this.#pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim());
      if (this.#pid > 0 && /^(?:running|degraded)/.test(this.try('systemctl', 'is-system-running').stdout)) return;
    }
    throw new Error('systemd does not come up in its namespaces');
  }

  /**
   * Runs a command inside.
   * @param {string[]} words
   */
  try(...words) {
    const [command, ...args] = this.#entering(words);
    const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  /**
   * The output of a command inside that must succeed.
   * @param {string[]} words
   */
  run(...words) {
    const { status, stdout, stderr } = this.try(...words);
    if (status !== 0) throw new Error(`"${words.join(' ')}" ended with ${status}: ${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /**
   * Starts a command inside that goes on.
   * @param {string[]} words
   */
  start(...words) {
    const [command, ...args] = this.#entering(words);
    return this.#start(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  }

  /** Ends everything in it, and takes its traces away. */
  async end() {
    if (this.#pid > 0 && existsSync(`/proc/${this.#pid}`)) process.kill(this.#pid, 'SIGKILL');
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(
      this.#children.map(
        (child) => child.exitCode ?? child.signalCode ?? new Promise((ended) => child.once('exit', ended)),
      ),
    );
    rmSync(this.#scratch, { recursive: true, force: true });
    await this.#removeGroups();
  }

  /** They can be removed when the last of their processes is gone, which the kernel takes a while for. */
  async #removeGroups() {
    const deadlineMs = Date.now() + END_WITHIN_MS;
    while (existsSync(this.#group) && Date.now() < deadlineMs) {
      spawnSync('find', [this.#group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], { stdio: 'ignore' });
      await new Promise((wait) => setTimeout(wait, 50));
    }
  }

  /** @param {string[]} words */
  #entering(words) {
    const spaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--root'];
    const clean = [
      'env',
      '-i',
      '--chdir=/',
      'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
      'LC_ALL=C.UTF-8',
      'DEBIAN_FRONTEND=noninteractive',
    ];
    return /** @type {[string, ...string[]]} */ (['nsenter', `--target=${this.#pid}`, ...spaces, ...clean, ...words]);
  }

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {import('node:child_process').SpawnOptions} options
   */
  #start(command, args, options) {
    const child = spawn(command, args, options);
    this.#children.push(child);
    return child;
  }
}
