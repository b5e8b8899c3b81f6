import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { Command } from 'commander';
import { ConfigError, quote } from '../../config/config-error.js';
import { loadConfig } from '../../config/load.js';
import type { OfflineSpool } from '../../spool/beside/offline-spool.js';
import { ImportWriter, importName } from '../../spool/orders/import-files.js';
import { parseLine } from './export-lines.js';
import { type DataDirOptions, withDataDir, withSpool } from './spool-access.js';

/** Bad lines that are told of; a file that is of another kind has nothing else. */
const MOST_PROBLEMS = 20;
/** The longest state takes 4 MiB (`STATEWAY_MAX_BODY_BYTES`), and JSON may write each character as six. */
const MOST_LINE_BYTES = 32 * 1024 * 1024;
/** Each has a place in memory until its states are sent. */
const MOST_DEVICES = 100_000;
const LINE_FEED = 0x0a;

interface ImportOptions extends DataDirOptions {
  readonly again?: true;
  readonly json?: true;
}

/** What was taken of a file. */
export interface ImportResult {
  readonly states: number;
  readonly devices: number;
  /** Of the states: those that the cloud will ignore for their time. */
  readonly outOfWindow: number;
  /** Dead letters in the file that are no states: left out. */
  readonly noStates: number;
  /** The same was imported before; then nothing was taken. */
  readonly isRepeated: boolean;
}

/** `stateway spool import`: takes back what an export has written, all of it or nothing. */
export function importCommand(): Command {
  return withDataDir(
    new Command('import').description('take in states that an export has written, all or none; each keeps its time'),
  )
    .argument('<file>', 'NDJSON as `spool export` writes it, with or without --dead-letters; - for standard input')
    .option('--again', 'take in a file that was taken in before')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ stateway spool import waiting.ndjson
  $ gunzip -c waiting.ndjson.gz | stateway spool import -

A file that was taken in before is known by what is in it, and not taken in again. The states of a device go behind what
it has waiting. They are sent when the cloud can be reached, with a token that the proxy knows for their device.
`,
    )
    .action((path: string, options: ImportOptions) =>
      withSpool(options, async (spool, dataDir) => {
        const flags = { dataDir };
        const { maxBodyBytes } = loadConfig(process.env, flags);
        const source = path === '-' ? process.stdin : (await openFile(path)).createReadStream();
        const rules = { maxStateBytes: maxBodyBytes, mayRepeat: options.again === true, nowMs: Date.now() };
        const result = await importStates(spool, dataDir, source, rules);
        process.stdout.write(options.json ? `${JSON.stringify(result)}\n` : words(result));
      }),
    );
}

/** @throws ConfigError that names the file, when that cannot be read */
async function openFile(path: string): Promise<FileHandle> {
  let why = 'is a directory';
  try {
    const file = await open(path);
    if (!(await file.stat()).isDirectory()) return file;
    await file.close();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    why = code === 'ENOENT' ? 'is not there' : `cannot be read (${code})`;
  }
  throw new ConfigError(`spool import: ${quote(path)} ${why}; name a file, or - for standard input`);
}

export interface ImportRules {
  readonly maxStateBytes: number;
  /** Whether what was imported before may be imported again. */
  readonly mayRepeat: boolean;
  readonly nowMs: number;
}

/**
 * Reads a source of lines and leaves its states for the proxy, on stable storage when this resolves.
 * @throws Error that names each bad line by its number, or says why nothing can be read or written; then nothing was taken
 */
export async function importStates(
  spool: Pick<OfflineSpool, 'knowsImport'>,
  dataDir: string,
  source: Readable,
  rules: ImportRules,
): Promise<ImportResult> {
  const writer = await ImportWriter.create(dataDir);
  try {
    const { digest, outOfWindow, states, devices, noStates } = await copyStates(source, writer, rules);
    const isRepeated = !rules.mayRepeat && spool.knowsImport(importName(digest, states));
    if (states === 0) throw new Error(`it holds no states${noStates === 0 ? '' : `: ${leftOut(noStates)}`}`);
    if (isRepeated) {
      await writer.abandon();
      return { states: 0, devices: 0, outOfWindow: 0, noStates, isRepeated };
    }
    const repetition = rules.mayRepeat ? randomBytes(6).toString('hex') : undefined;
    await writer.finish(importName(digest, states, repetition));
    return { states, devices, outOfWindow, noStates, isRepeated };
  } catch (error) {
    await writer.abandon();
    throw new Error(`spool import: nothing was taken: ${(error as Error).message}`, { cause: error });
  }
}

async function copyStates(
  source: Readable,
  writer: ImportWriter,
  { maxStateBytes, nowMs }: ImportRules,
): Promise<Omit<ImportResult, 'isRepeated'> & { readonly digest: string }> {
  const hash = createHash('sha256');
  const devices = new Set<string>();
  const problems: string[] = [];
  let [line, states, outOfWindow, noStates] = [0, 0, 0, 0];
  for await (const bytes of linesOf(source)) {
    line++;
    hash.update(bytes).update('\n');
    if (isBlank(bytes)) continue;
    try {
      const state = parseLine(bytes, nowMs, maxStateBytes);
      if (state.isNoState) {
        noStates++;
        continue;
      }
      devices.add(state.device.key);
      if (devices.size > MOST_DEVICES) throw new Error(`it is of more than ${MOST_DEVICES} devices: split the file`);
      states++;
      if (state.isOutOfWindow) outOfWindow++;
      if (problems.length === 0) await writer.add(state.device, state);
    } catch (error) {
      problems.push(`line ${line}: ${(error as Error).message}`);
      if (problems.length === MOST_PROBLEMS) break;
    }
  }
  if (problems.length > 0) throw new Error(problemWords(problems));
  return { digest: hash.digest('hex'), states, devices: devices.size, outOfWindow, noStates };
}

function problemWords(problems: readonly string[]): string {
  if (problems.length === 1) return problems[0] as string;
  const last = problems.length === MOST_PROBLEMS ? ['and perhaps more'] : [];
  return ['these lines cannot be read:', ...problems, ...last].join('\n  ');
}

/** The lines of a source, without their ends; one that is cut off at the end counts as a line. */
async function* linesOf(source: Readable): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of source) {
    let start = 0;
    const bytes = rest.byteLength === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, start)) {
      yield bytes.subarray(start, end);
      start = end + 1;
    }
    rest = bytes.subarray(start);
    if (rest.byteLength > MOST_LINE_BYTES) throw new Error('a line of it is longer than any state can be');
  }
  if (rest.byteLength > 0) yield rest;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
}

function words({ states, devices, outOfWindow, noStates, isRepeated }: ImportResult): string {
  if (isRepeated) return 'this was imported before: nothing was taken (--again takes it once more)\n';
  const taken = `${count(states, 'state')} of ${count(devices, 'device')} taken: by the running proxy within seconds, else at its next start\n`;
  const old = `${count(outOfWindow, 'of them')} older than 30 days or over a day ahead: the cloud ignores what it gets so\n`;
  return `${taken}${outOfWindow > 0 ? old : ''}${noStates > 0 ? `${leftOut(noStates)}\n` : ''}`;
}

function leftOut(noStates: number): string {
  return `${count(noStates, 'dead letter')} left out: what the device sent is no state, and there is nothing to send`;
}

function count(value: number, one: string): string {
  return `${value.toLocaleString('en-US')} ${one}${value === 1 ? '' : 's'}`;
}
