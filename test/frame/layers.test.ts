import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { lintPlanted, PROJECT_ROOT } from './biome.js';

/** The table of rooms (docs/architecture.md): what each folder of src may import beside itself. */
const ROOMS: Readonly<Record<string, { folders: readonly string[]; libraries: readonly string[] }>> = {
  core: { folders: [], libraries: [] },
  state: { folders: ['core'], libraries: [] },
  config: { folders: ['core'], libraries: [] },
  front: { folders: ['core', 'state'], libraries: ['uWebSockets.js', 'uws-current', 'uws-compat'] },
  auth: { folders: ['core'], libraries: ['lru-cache'] },
  intake: { folders: ['core', 'state'], libraries: ['piscina'] },
  hub: { folders: ['core'], libraries: [] },
  spool: { folders: ['core', 'state'], libraries: ['lmdb'] },
  cluster: { folders: ['core', 'state'], libraries: [] },
  forward: { folders: ['core', 'state'], libraries: [] },
  upstream: { folders: ['core'], libraries: ['undici'] },
  tracing: {
    folders: ['core'],
    libraries: 'api exporter-trace-otlp-proto resources sdk-trace-base'
      .split(' ')
      .map((name) => `@opentelemetry/${name}`),
  },
  admin: { folders: ['core'], libraries: ['prom-client'] },
  simulator: { folders: ['core', 'state'], libraries: ['undici', 'mqtt'] },
  app: {
    folders: 'core state config front auth intake hub spool cluster forward upstream tracing admin simulator'.split(
      ' ',
    ),
    libraries: ['commander', 'pino', 'pino-pretty', 'cli-progress'],
  },
};
/** Rooms with one level of folders, to which the same applies. */
const WITH_FOLDERS = ['core', 'front', 'spool', 'forward', 'app'];
const LIBRARIES = [...new Set(Object.values(ROOMS).flatMap(({ libraries }) => libraries)), 'fastify', 'vitest'];

const RESTRICTED = 'lint/style/noRestrictedImports';
const CYCLE = 'lint/suspicious/noImportCycles';
const TOO_LONG = 'lint/style/noExcessiveLinesPerFile';

const CLEAN = {
  'src/core/lane.ts': "export const lane = 'lane';\n",
  'src/forward/lanes.ts': "import { lane } from '../core/lane.js';\nexport const lanes = [lane];\n",
  'src/app/wiring.ts': "import { lanes } from '../forward/lanes.js';\nexport const wired = lanes;\n",
  'src/main.ts': "import { wired } from './app/wiring.js';\nprocess.stdout.write(wired.join());\n",
  'workers/entry.ts': "import { lane } from '../src/core/lane.js';\nexport const entry = lane;\n",
  'test/lanes.test.ts':
    "import { lanes } from '../src/forward/lanes.js';\nimport { it } from 'vitest';\nit(lanes.join());\n",
};

function linesOf(count: number): string {
  return Array.from({ length: count }, (_, line) => `export const line${line} = ${line};\n`).join('');
}

describe('the layers', () => {
  it('pass on a clean tree', () => {
    expect(lintPlanted(temporaryDirectory(), CLEAN)).toEqual([]);
  });

  it.each([
    ['a stage that imports another stage', RESTRICTED, 'src/auth/x.ts', "import '../forward/lanes.js';\n"],
    ['a stage that imports the wiring', RESTRICTED, 'src/auth/x.ts', "import '../app/wiring.js';\n"],
    [
      'a type of another stage',
      RESTRICTED,
      'src/auth/x.ts',
      "import type { L } from '../forward/l.js';\nexport let l: L;\n",
    ],
    ['a foreign library', RESTRICTED, 'src/forward/x.ts', "import { request } from 'undici';\nrequest('');\n"],
    [
      'a foreign library by a dynamic import',
      RESTRICTED,
      'src/forward/x.ts',
      "export const x = await import('undici');\n",
    ],
    ['a part of a foreign library', RESTRICTED, 'src/forward/x.ts', "import 'undici/types/agent.js';\n"],
    ['another stage by a detour', RESTRICTED, 'src/auth/x.ts', "import '../core/../forward/lanes.js';\n"],
    ['another stage by a detour from here', RESTRICTED, 'src/auth/x.ts', "import './../forward/lanes.js';\n"],
    ['tests in the program', RESTRICTED, 'src/app/x.ts', "import '../../test/lanes.test.js';\n"],
    ['tests in a folder of the wiring', RESTRICTED, 'src/app/log/x.ts', "import '../../../test/lanes.test.js';\n"],
    ['a stage in a folder of core', RESTRICTED, 'src/core/time/x.ts', "import '../../forward/lanes.js';\n"],
    ['another stage in a folder of front', RESTRICTED, 'src/front/ws/x.ts', "import '../../forward/lanes.js';\n"],
    ['another stage by a detour of folders', RESTRICTED, 'src/front/ws/x.ts', "import '../http/../../auth/x.js';\n"],
    ['the server in the page', RESTRICTED, 'src/admin/status-page/x.ts', "import '../admin-server.js';\n"],
    ['Node in the page', RESTRICTED, 'src/admin/status-page/x.ts', "import 'node:fs';\n"],
    ['another stage in a folder of the spool', RESTRICTED, 'src/spool/lmdb/x.ts', "import '../../forward/lanes.js';\n"],
    ['another stage in a folder of the lanes', RESTRICTED, 'src/forward/lane/x.ts', "import '../../auth/grants.js';\n"],
    ['the entry in a folder of the lanes', RESTRICTED, 'src/forward/lane/x.ts', "import '../../main.js';\n"],
    ['LMDB in a folder of the lanes', RESTRICTED, 'src/forward/lane/x.ts', "import 'lmdb';\n"],
    ['the spool in its log', RESTRICTED, 'src/spool/segments/x.ts', "import '../lmdb-spool.js';\n"],
    ['another stage in a folder of the cluster', RESTRICTED, 'src/cluster/log/x.ts', "import '../../spool/x.js';\n"],
    ['NATS beside its folder', RESTRICTED, 'src/cluster/log/x.ts', "import '@nats-io/jetstream';\n"],
    ['NATS at the head of its room', RESTRICTED, 'src/cluster/x.ts', "import '@nats-io/transport-node';\n"],
    ['the rules of states at NATS', RESTRICTED, 'src/cluster/nats/x.ts', "import '../../state/decode.js';\n"],
    ['a broker beside that of the simulator', RESTRICTED, 'src/simulator/x.ts', "import 'aedes';\n"],
    ['a stage in the broker', RESTRICTED, 'src/simulator/broker/x.ts', "import '../../forward/lanes.js';\n"],
    ['LMDB in the log of the spool', RESTRICTED, 'src/spool/segments/x.ts', "import 'lmdb';\n"],
    [
      'another stage in the log of the spool',
      RESTRICTED,
      'src/spool/segments/x.ts',
      "import '../../forward/lanes.js';\n",
    ],
    ['another stage in MQTT', RESTRICTED, 'src/front/mqtt/x.ts', "import '../../auth/grants.js';\n"],
    ['the states in MQTT', RESTRICTED, 'src/front/mqtt/x.ts', "import '../../state/decode.js';\n"],
    ['a library in MQTT', RESTRICTED, 'src/front/mqtt/x.ts', "import 'mqtt-packet';\n"],
    ['MQTT in the client of HTTP', RESTRICTED, 'src/upstream/x.ts', "import 'mqtt';\n"],
    ['another stage at the broker', RESTRICTED, 'src/upstream/mqtt/x.ts', "import '../../front/mqtt/topics.js';\n"],
    ['HTTP at the broker', RESTRICTED, 'src/upstream/mqtt/x.ts', "import 'undici';\n"],
    ['a library of the page in the server', RESTRICTED, 'src/admin/x.ts', "import 'uplot';\n"],
    ['a stage in a worker', RESTRICTED, 'workers/x.ts', "import '../src/forward/lanes.js';\n"],
    ['a stage in the entry', RESTRICTED, 'src/other-main.ts', "import './forward/lanes.js';\n"],
    ['a file of 301 lines', TOO_LONG, 'src/core/x.ts', linesOf(301)],
    ['a barrel', 'lint/performance/noBarrelFile', 'src/core/x.ts', "export { lane } from './lane.js';\n"],
    ['a re-export of everything', 'lint/performance/noReExportAll', 'src/core/x.ts', "export * from './lane.js';\n"],
  ])('refuse %s', (_what, rule, file, text) => {
    expect(lintPlanted(temporaryDirectory(), { ...CLEAN, [file]: text })).toContainEqual({ rule, file });
  });

  it('refuse a cycle of values', () => {
    const planted = {
      'src/core/a.ts': "import { b } from './b.js';\nexport const a = () => b;\n",
      'src/core/b.ts': "import { a } from './a.js';\nexport const b = () => a;\n",
    };
    const expected = [
      { rule: CYCLE, file: 'src/core/a.ts' },
      { rule: CYCLE, file: 'src/core/b.ts' },
    ];
    expect(lintPlanted(temporaryDirectory(), { ...CLEAN, ...planted })).toEqual(expected);
  });

  it('refuse a cycle of types alone', () => {
    const planted = {
      'src/core/a.ts': "import type { B } from './b.js';\nexport interface A {\n  b: B;\n}\n",
      'src/core/b.ts': "import type { A } from './a.js';\nexport interface B {\n  a: A;\n}\n",
    };
    const rules = lintPlanted(temporaryDirectory(), { ...CLEAN, ...planted }).map(({ rule }) => rule);
    expect(rules).toEqual([CYCLE, CYCLE]);
  });

  it('let a file have 300 lines, and a folder import deep names of Node', () => {
    const planted = {
      'src/core/long.ts': linesOf(300),
      'src/core/reader.ts': "import { readFile } from 'node:fs/promises';\nexport const read = readFile;\n",
    };
    expect(lintPlanted(temporaryDirectory(), { ...CLEAN, ...planted })).toEqual([]);
  });

  it('let the folders of a room import each other', () => {
    const planted = {
      'src/forward/schedule/due.ts': "import { lane } from '../../core/lane.js';\nexport const due = lane;\n",
      'src/forward/send/body.ts': "import { due } from '../schedule/due.js';\nexport const body = due;\n",
      'src/forward/whole.ts': "import { body } from './send/body.js';\nexport const whole = body;\n",
    };
    expect(lintPlanted(temporaryDirectory(), { ...CLEAN, ...planted })).toEqual([]);
  });

  it('allow each folder exactly what the table of rooms says', () => {
    const planted: Record<string, string> = {};
    const expected: string[] = [];
    const plant = (room: string, place: string, up: string) => {
      const { folders, libraries } = ROOMS[room] as (typeof ROOMS)[string];
      for (const target of Object.keys(ROOMS)) {
        const file = `src/${place}/imports-${target}.ts`;
        planted[file] = `import '${up}/${target}/nothing.js';\n`;
        // A room's own files are not reached by its name: '../core' from within src/core is a detour.
        if (!folders.includes(target)) expected.push(file);
      }
      for (const [index, library] of LIBRARIES.entries()) {
        const file = `src/${place}/library-${index}.ts`;
        planted[file] = `import '${library}';\n`;
        if (!libraries.includes(library)) expected.push(file);
      }
    };
    for (const room of Object.keys(ROOMS)) plant(room, room, '..');
    for (const room of WITH_FOLDERS) plant(room, `${room}/folder`, '../..');
    const refused = lintPlanted(temporaryDirectory(), planted).filter(({ rule }) => rule === RESTRICTED);
    expect(refused.map(({ file }) => file).sort()).toEqual(expected.sort());
  });
});

/** Folders of src that no override of biome.json names. */
function foldersWithoutRules(folders: readonly string[]): string[] {
  const config = JSON.parse(readFileSync(join(PROJECT_ROOT, 'biome.json'), 'utf8')) as {
    overrides: { includes: string[]; linter: { rules: { style: { noRestrictedImports?: unknown } } } }[];
  };
  const covered = new Set(
    config.overrides
      .filter(({ linter }) => linter.rules.style.noRestrictedImports !== undefined)
      .flatMap(({ includes }) => includes),
  );
  return folders.filter((folder) => !covered.has(`src/${folder}/**`));
}

describe('the rooms', () => {
  const entries = readdirSync(join(PROJECT_ROOT, 'src'), { withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);

  it('are those of the table', () => {
    expect(folders.sort()).toEqual(Object.keys(ROOMS).sort());
  });

  it('are described as they are', () => {
    const text = readFileSync(join(PROJECT_ROOT, 'docs', 'architecture.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `src\/(\w+)` \|[^|]*\| ([^|]*) \| ([^|]*) \|$/gm)];
    const described = rows.map(([, room, folders, libraries]) => [
      room,
      {
        folders: folders === 'nothing' ? [] : folders?.split(', '),
        libraries: libraries === '–' ? [] : libraries?.split(', '),
      },
    ]);
    expect(Object.fromEntries(described)).toEqual(ROOMS);
  });

  it('each have their rules, and a new one would be missed', () => {
    expect(foldersWithoutRules([...folders, 'annex'])).toEqual(['annex']);
  });

  it('hold no file whose name says nothing', () => {
    const files = readdirSync(join(PROJECT_ROOT, 'src'), { recursive: true, encoding: 'utf8' });
    const stems = files.map((file) => basename(file).replace(/\.ts$/, ''));
    expect(stems.filter((stem) => /^(?:index|utils?|helpers?|common|misc|shared|lib)$/.test(stem))).toEqual([]);
  });
});
