// Brings nats-server for the tests of src/cluster: Debian forky's package, which is a static binary and runs on any
// Debian, unpacked into nats/ here. apt works on a source list, lists and a cache of its own, in a folder that is gone
// afterwards: what the machine knows of packages stays as it is. Some 40 MB on the disk; a second run finds it there.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, 'nats');
const SERVER = join(FOLDER, 'usr/sbin/nats-server');
const SOURCE = 'http://deb.debian.org/debian';
const SUITE = 'forky';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** Atomic batches, which ledgers need, came with it. */
const OLDEST = [2, 12];

if (installedVersion() === undefined) install();
const version = installedVersion();
if (version === undefined) fail('nats-server was unpacked and does not run');
if (isOld(version)) fail(`nats-server ${version} is older than ${OLDEST.join('.')}`);
console.log(`${SERVER} ${version}`);

function install() {
  const folder = mkdtempSync(join(tmpdir(), 'stateway-nats-'));
  try {
    for (const name of ['lists/partial', 'cache/archives/partial', 'parts']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    writeFileSync(join(folder, 'sources.list'), `deb [signed-by=${KEYRING}] ${SOURCE} ${SUITE} main\n`);
    writeFileSync(join(folder, 'status'), '');
    apt(folder, 'update');
    apt(folder, 'download', 'nats-server');
    const file = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (file === undefined) fail('apt brought no package');
    const unpacked = join(folder, 'unpacked');
    run('dpkg', ['-x', join(folder, file), unpacked], folder);
    rmSync(FOLDER, { recursive: true, force: true });
    // Named last: what is there is whole.
    cpSync(unpacked, `${FOLDER}.new`, { recursive: true });
    renameSync(`${FOLDER}.new`, FOLDER);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** apt-get, by a configuration that leaves out the machine's. */
function apt(folder, ...words) {
  const settings = {
    'Dir::Etc::SourceList': join(folder, 'sources.list'),
    'Dir::Etc::SourceParts': join(folder, 'parts'),
    'Dir::State::Lists': join(folder, 'lists'),
    'Dir::State::Status': join(folder, 'status'),
    'Dir::Cache': join(folder, 'cache'),
    // Its own user may not write into the folder.
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  };
  run(
    'apt-get',
    [...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]), '-qq', ...words],
    folder,
  );
}

function run(program, words, cwd) {
  const { status, error } = spawnSync(program, words, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? `exit code ${status}`}`);
}

function installedVersion() {
  const { stdout } = spawnSync(SERVER, ['--version'], { encoding: 'utf8' });
  return /v(\d+\.\d+\.\d+)/.exec(stdout ?? '')?.[1];
}

function isOld(version) {
  const [major, minor] = version.split('.').map(Number);
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}

function fail(why) {
  console.error(`test/cluster/tools: ${why}`);
  process.exit(1);
}
