import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { INTAKE_STREAM } from '../../src/cluster/subjects.js';
import { OPTION_KEYS, variablesOf } from '../../src/config/options.js';
import { ERROR_TABLE } from '../../src/core/errors.js';
import { MAIN_FILE } from '../helpers/program.js';
import { schemaFindings } from './api-schema.js';
import { K8S, readObjects } from './manifests.js';

const ROOT = join(K8S, '..');
const DOCUMENTS = ['docs/runbook.md', 'k8s/README.md'];

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}

/** The blocks of code of a language, without the indentation that a list gives them. */
function blocksOf(document: string, language: string): string[] {
  return [...read(document).matchAll(new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\``, 'gms'))].map(
    ([, indent, block]) => (block as string).replace(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

/** As a reader's browser makes them of headings. */
function anchorsOf(document: string): string[] {
  const headings = [...read(document).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading as string);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** What the documents have people run of the program itself, after `--` or by itself: words and flags. */
function commandsIn(document: string): string[][] {
  const inText = [...read(document).matchAll(/(?:-- |`)stateway ([a-z][^`\n|>]*)/g)];
  return inText.map(([, rest]) => (rest as string).trim().split(/\s+/));
}

const COMMANDS = [...new Set(DOCUMENTS.flatMap(commandsIn).map((words) => words.join(' ')))];

describe.each(DOCUMENTS)('%s', (document) => {
  it('links to what is there', () => {
    const targets = [...read(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
    const broken = targets.filter((target) => {
      const [file = '', anchor] = target.split('#', 2);
      const linked = file === '' ? document : join(dirname(document), file);
      if (!existsSync(join(ROOT, linked))) return true;
      return anchor !== undefined && !anchorsOf(linked).includes(anchor);
    });
    expect(targets.length).toBeGreaterThan(0);
    expect(broken).toEqual([]);
  });

  it('names options, errors and streams that there are', () => {
    const variables = [...OPTION_KEYS.flatMap(variablesOf), ...Object.keys(ERROR_TABLE), INTAKE_STREAM];
    const named = [...read(document).matchAll(/STATEWAY_[A-Z_]+/g)].map(([name]) => name);
    expect(named.filter((name) => !variables.includes(name))).toEqual([]);
  });

  it('names files of the project that there are', () => {
    const named = blocksOf(document, 'sh').flatMap((block) => block.match(/\bk8s\/[\w./-]+/g) ?? []);
    expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe('every command of the program in the documents', () => {
  it.each(COMMANDS)('is one, flags and all: stateway %s', (command) => {
    const words = command.split(' ');
    const firstArgument = words.findIndex((word) => !/^[a-z-]*$/.test(word) || word.startsWith('-'));
    const names = firstArgument === -1 ? words : words.slice(0, firstArgument);
    const flags = words.filter((word) => word.startsWith('--'));
    const help = execFileSync(process.execPath, [MAIN_FILE, ...names, '--help'], { encoding: 'utf8' });
    expect(help).toContain(`Usage: stateway ${names.join(' ')} `);
    expect(flags.filter((flag) => !help.includes(flag))).toEqual([]);
  });

  it('is found at all', () => {
    expect(COMMANDS).toEqual(expect.arrayContaining(['spool requeue --all', 'spool status --data-dir /data/spool']));
  });
});

describe('the runbook', () => {
  it('speaks of panels that the dashboard has', () => {
    const { panels } = JSON.parse(read('k8s/chart/monitoring/stateway-dashboard.json')) as {
      panels: { title: string }[];
    };
    const titles = panels.map(({ title }) => title);
    const named = [...read('docs/runbook.md').matchAll(/(?<!\*)\*([A-Z][^*]+)\*(?!\*)/g)].map(([, name]) =>
      (name as string).replace(/\s+/g, ' '),
    );
    expect(named.length).toBeGreaterThan(5);
    // What kubectl itself prints.
    expect(named.filter((name) => !titles.includes(name) && name !== 'Last State')).toEqual([]);
  });
});

describe('k8s/README.md', () => {
  it('shows values that the chart takes, and components that there are', () => {
    const blocks = blocksOf('k8s/README.md', 'yaml').map((block) => parse(block));
    const isAllowed = new Ajv({ strict: false }).compile(JSON.parse(read('k8s/chart/values.schema.json')));
    const values = blocks.filter(({ components }) => components === undefined);
    expect(values.filter((value) => !isAllowed(value))).toEqual([]);
    const components: string[] = blocks.flatMap(({ components = [] }) => components);
    expect(
      components.filter((folder) => !existsSync(join(K8S, 'overlays/plant', folder, 'kustomization.yaml'))),
    ).toEqual([]);
    expect([values.length, components.length]).toEqual([2, 1]);
  });

  it('speaks of values that the chart has', () => {
    const table = /<!-- values:begin -->(.*)<!-- values:end -->/s.exec(read('k8s/README.md'))?.[1] ?? '';
    const known = [...table.matchAll(/^\| `([\w.]+)`/gm)].map(([, name]) => name as string);
    const all = [...known, ...known.map((name) => name.split('.', 1)[0]), 'tls.certManager', 'networkPolicy.dns'];
    const groups = [...new Set(known.flatMap((name) => (name.includes('.') ? [name.split('.', 1)[0]] : [])))];
    const named = [...read('k8s/README.md').matchAll(new RegExp(`\`((?:${groups.join('|')})\\.[\\w.]+)`, 'g'))];
    const values = named.map(([, name]) => name as string).filter((name) => !name.endsWith('.yaml'));
    expect(values.filter((name) => !all.includes(name))).toEqual([]);
    expect(values.length).toBeGreaterThan(known.length);
  });

  it('has the two objects for copying a volume made for the volume of the first pod', () => {
    const [pod] = readObjects('move/copy-pod.yaml');
    const [claim] = readObjects('move/claim.yaml');
    const [statefulSet] = readObjects('base/stateful-set.yaml');
    const [plant] = readObjects('overlays/plant/stateful-set.yaml');
    expect([...schemaFindings(pod), ...schemaFindings(claim)]).toEqual([]);
    const volume = statefulSet?.spec.volumeClaimTemplates[0].metadata.name;
    expect(claim?.metadata.name).toBe(`${volume}-${statefulSet?.metadata.name}-0`);
    expect(pod?.spec.volumes[0].persistentVolumeClaim.claimName).toBe(claim?.metadata.name);
    expect(claim?.spec).toEqual(plant?.spec.volumeClaimTemplates[0].spec);
    expect(pod?.spec.securityContext).toEqual(statefulSet?.spec.template.spec.securityContext);
  });
});
