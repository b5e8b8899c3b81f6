import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { OPTION_KEYS, optionRow } from '../../src/config/options.js';
import { notHere } from '../helpers/fault-form.js';
import { PROJECT_ROOT } from '../helpers/packed.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const DEB = join(PROJECT_ROOT, 'packaging/deb');
const UNIT = 'usr/lib/systemd/system/stateway.service';
const EXAMPLES = 'usr/share/doc/stateway/examples';
/** In tenths of the exposure that `systemd-analyze security` counts; its own "OK" ends at 5.0. */
const MAX_EXPOSURE = 15;
const read = (path: string) => readFileSync(join(DEB, path), 'utf8');
const variables = OPTION_KEYS.map((key) => optionRow(key).variable as string);

const analyze = spawnSync('systemd-analyze', ['--version']).error === undefined;
const why = analyze ? undefined : notHere('what systemd says of the unit', 'no systemd-analyze');

describe.skipIf(why !== undefined)('systemd', () => {
  let root: string;

  beforeEach(() => {
    root = temporaryDirectory();
    cpSync(join(DEB, 'root'), root, { recursive: true });
    // The first is in the package once it is built, the other is there on every Debian.
    for (const path of ['usr/lib/stateway/dist/src/main.js', 'bin/sh']) {
      const program = join(root, path);
      mkdirSync(dirname(program), { recursive: true });
      writeFileSync(program, '');
      chmodSync(program, 0o755);
    }
  });

  it.each(['alone', 'secrets.conf', 'low-ports.conf'])('finds no mistake in the unit: %s', (example) => {
    if (example !== 'alone') {
      mkdirSync(join(root, `${UNIT}.d`));
      cpSync(join(root, EXAMPLES, example), join(root, `${UNIT}.d`, example));
    }
    // What the unit names of systemd's own is not in this root.
    const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', `--root=${root}`, join(root, UNIT)], {
      encoding: 'utf8',
    });
    const said = `${stdout}${stderr}`
      .split('\n')
      .filter((line) => /stateway/.test(line) && !/\.target|Failed to open/.test(line));
    expect(said).toEqual([]);
  });

  it('would find one', () => {
    writeFileSync(join(root, UNIT), read(`root/${UNIT}`).replace('ProtectHome=yes', 'ProtectHouse=yes'));
    const { stderr } = spawnSync('systemd-analyze', ['verify', `--root=${root}`, join(root, UNIT)], {
      encoding: 'utf8',
    });
    expect(stderr).toContain('ProtectHouse');
  });

  it('counts little exposure', () => {
    const args = ['security', '--offline=true', `--threshold=${MAX_EXPOSURE}`, join(root, UNIT)];
    const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
  });
});

describe('the files of the package', () => {
  it('under /etc are the conffiles, so that an upgrade keeps what was written there', () => {
    const below = readdirSync(join(DEB, 'root/etc'), { recursive: true, withFileTypes: true });
    const files = below.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const paths = files.map((file) => file.slice(join(DEB, 'root').length));
    expect(read('control/conffiles').trim().split('\n').sort()).toEqual(paths.sort());
  });

  it('name options that there are', () => {
    const texts = ['root/etc/stateway/stateway.env', `root/${UNIT}`, `root/${EXAMPLES}/secrets.conf`]
      .map(read)
      .join('\n');
    const named = new Set(texts.match(/\bSTATEWAY_\w+(?==)/g));
    expect(named.size).toBeGreaterThan(7);
    const known = new Set([...variables, ...variables.map((variable) => `${variable}_FILE`)]);
    expect([...named].filter((name) => !known.has(name))).toEqual([]);
  });
});

describe('the command of the package', () => {
  let folder: string;

  /** The command, on a system in a folder, whose program prints what it is given. */
  function stateway(env: Record<string, string>, ...args: string[]): string[] {
    const script = read('root/usr/bin/stateway')
      .replace('LIB=/usr/lib/stateway', `LIB=${folder}`)
      .replace('CONFIG=/etc/stateway', `CONFIG=${folder}`)
      // It is not to become another user here.
      .replace('$(id -u)', '1000');
    writeFileSync(join(folder, 'stateway'), script);
    const run = spawnSync('sh', [join(folder, 'stateway'), ...args], {
      env: { PATH: '/usr/bin:/bin', ...env },
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    return run.stdout.trim().split('\n');
  }

  beforeEach(() => {
    folder = temporaryDirectory();
    mkdirSync(join(folder, 'dist/src'), { recursive: true });
    const program = join(folder, 'dist/src/main.js');
    writeFileSync(program, '#!/bin/sh\necho "$@"\nenv | grep -E "^(STATEWAY|NO_PROXY|PATH|OTHER)" | sort\n');
    chmodSync(program, 0o755);
  });

  it('takes the configuration of the service, as systemd reads it, and its own Node', () => {
    const lines = [
      '# STATEWAY_LISTEN=1',
      'STATEWAY_LISTEN=0.0.0.0:443',
      'STATEWAY_UPSTREAM_URL="http://a.example/?b=c d"',
    ];
    writeFileSync(
      join(folder, 'stateway.env'),
      [...lines, "NO_PROXY='plant'", 'OTHER=1', 'X Y=2', 'STATEWAY_LOG_LEVEL=warn'].join('\n'),
    );
    expect(stateway({}, 'spool', 'status')).toEqual([
      'spool status',
      'NO_PROXY=plant',
      `PATH=${folder}/bin:/usr/bin:/bin`,
      'STATEWAY_DATA_DIR=/var/lib/stateway',
      'STATEWAY_LISTEN=0.0.0.0:443',
      'STATEWAY_LOG_LEVEL=warn',
      'STATEWAY_UPSTREAM_URL=http://a.example/?b=c d',
    ]);
  });

  it('leaves to the environment what it says', () => {
    writeFileSync(join(folder, 'stateway.env'), 'STATEWAY_LISTEN=0.0.0.0:443\nSTATEWAY_DATA_DIR=/srv/stateway\n');
    const said = stateway({ STATEWAY_LISTEN: '127.0.0.1:0' });
    expect(said).toContain('STATEWAY_LISTEN=127.0.0.1:0');
    expect(said).toContain('STATEWAY_DATA_DIR=/srv/stateway');
  });

  it('runs nothing that stands in the file', () => {
    const planted = join(folder, 'planted');
    writeFileSync(
      join(folder, 'stateway.env'),
      `STATEWAY_X$(touch ${planted})=1\nSTATEWAY_LISTEN=$(touch ${planted})\n`,
    );
    expect(stateway({})).toContain(`STATEWAY_LISTEN=$(touch ${planted})`);
    expect(readdirSync(folder)).not.toContain('planted');
  });

  it('does without the file, which may be for root alone', () => {
    expect(stateway({}, '--version')[0]).toBe('--version');
  });
});

describe('the binaries of the package', () => {
  it('are those that its Node can load, whatever runs here', async () => {
    const { pruneForNode } = await import(join(DEB, 'bundled-node.mjs'));
    const folder = temporaryDirectory();
    const elf = (machine: number) => {
      const head = Buffer.alloc(64);
      head.writeUInt32BE(0x7f454c46, 0);
      head.writeUInt16LE(machine, 18);
      return head;
    };
    const [x64, arm64] = [62, 183];
    const planted: Record<string, Buffer> = {
      'uws_linux_arm64_137.node': elf(arm64),
      'uws_linux_arm64_115.node': elf(arm64),
      'uws_linux_x64_137.node': elf(x64),
      'node.napi.glibc.node': elf(arm64),
      'node.napi.musl.node': elf(arm64),
      'uws_darwin_arm64_137.node': Buffer.alloc(64, 0xcf),
    };
    for (const [name, head] of Object.entries(planted)) writeFileSync(join(folder, name), head);
    expect(pruneForNode(folder, 'arm64', '137')).toBe(4);
    expect(readdirSync(folder).sort()).toEqual(['node.napi.glibc.node', 'uws_linux_arm64_137.node']);
  });
});
