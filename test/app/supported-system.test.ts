import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type System, unsupportedBy } from '../../src/app/supported-system.js';
import { startProgram } from '../helpers/program.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

const DEBIAN_12 = { platform: 'linux', arch: 'x64', glibc: '2.36', hasOwnWebServer: false } as const;
const DEBIAN_13 = { ...DEBIAN_12, glibc: '2.41' } as const;

test.each([
  { ...DEBIAN_12, node: '20.19.0' },
  { ...DEBIAN_12, node: '20.20.2', glibc: '2.34' },
  { ...DEBIAN_13, node: '20.19.0' },
  { ...DEBIAN_13, node: '22.12.0' },
  { ...DEBIAN_13, node: '24.0.0', arch: 'arm64' },
  { ...DEBIAN_13, node: '25.1.0', glibc: '2.38' },
  { ...DEBIAN_12, node: '24.1.0', hasOwnWebServer: true },
] satisfies System[])('runs on %j', (system) => {
  expect(unsupportedBy(system)).toBeUndefined();
});

test.each<[System, string]>([
  [{ ...DEBIAN_12, node: '18.20.4' }, 'Node 18.20.4 is too old: install Node 20, from 20.19 on'],
  [{ ...DEBIAN_13, node: '20.18.3' }, 'Node 20.18.3 is too old: install Node 24, which is recommended'],
  [
    { ...DEBIAN_12, node: '22.12.0' },
    'Node 22 needs glibc 2.38 or newer here, and this system has 2.36: install Node 20',
  ],
  [{ ...DEBIAN_12, node: '24.1.0', glibc: '2.37' }, 'or use a newer system'],
  [{ ...DEBIAN_13, node: '23.4.0' }, 'has no build for Node 23: install Node 24'],
  [{ ...DEBIAN_12, node: '26.0.0' }, 'has no build for Node 26: install Node 20'],
  [{ ...DEBIAN_12, node: '20.19.0', glibc: '2.31' }, 'this system has glibc 2.31; Stateway needs glibc 2.34'],
  [{ ...DEBIAN_13, node: '24.0.0', glibc: undefined }, 'another C library, as Alpine Linux has'],
  [{ ...DEBIAN_13, node: '24.0.0', glibc: '2.31', hasOwnWebServer: true }, 'glibc 2.34 or newer'],
  [{ ...DEBIAN_13, node: '24.0.0', platform: 'darwin', arch: 'arm64' }, 'not on darwin with arm64'],
  [{ ...DEBIAN_13, node: '24.0.0', arch: 'arm' }, 'not on linux with arm'],
])('does not run on %j, and says what would help', (system, words) => {
  expect(unsupportedBy(system)).toContain(words);
});

/** Tells the program of another machine, and ends it at the first native file. */
const ELSEWHERE = `
Object.defineProperty(process.versions, 'node', { value: process.env.SAID_NODE });
const { getReport } = process.report;
process.report.getReport = () => ({ header: { ...getReport.call(process.report).header, glibcVersionRuntime: process.env.SAID_GLIBC } });
process.dlopen = () => { process.stderr.write('loaded native code\\n'); process.exit(99); };
`;

test.each([
  ['22.12.0', '2.36', 'install Node 20'],
  ['18.20.4', '2.41', 'install Node 24'],
])(
  'the built program with Node %s and glibc %s ends with 2 before it loads anything native',
  async (node, glibc, words) => {
    const elsewhere = join(temporaryDirectory(), 'elsewhere.cjs');
    writeFileSync(elsewhere, ELSEWHERE);
    const env = { NODE_OPTIONS: `--require=${elsewhere}`, SAID_NODE: node, SAID_GLIBC: glibc };
    const program = startProgram(['serve'], { env });
    let told = '';
    for (const output of [program.stdout, program.stderr]) {
      output.on('data', (chunk) => {
        told += chunk;
      });
    }
    const [code] = await once(program, 'close');
    expect(told).toMatch(/^stateway: .*\(STATEWAY_UNSUPPORTED_SYSTEM\)\n$/);
    expect(told).toContain(words);
    expect(code).toBe(2);
  },
);
