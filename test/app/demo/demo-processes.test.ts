import { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DemoProcesses } from '../../../src/app/demo/demo-processes.js';

/** A program whose first argument is the script it runs. */
const PROGRAM = 'new Function(process.argv[2])();';
const READY = `console.log('starting'); console.log(JSON.stringify({ event: 'ready', port: 1 }));`;
const STAY = 'setInterval(() => {}, 1000);';

let folder: string;
let processes: DemoProcesses;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'processes-'));
  writeFileSync(join(folder, 'program.cjs'), PROGRAM);
  processes = new DemoProcesses(join(folder, 'program.cjs'));
});

afterEach(async () => {
  await processes.stopAll(5_000);
  rmSync(folder, { recursive: true });
});

function start(script: string, endsByItself = false) {
  return processes.start({ name: 'the part', args: [script], env: process.env, endsByItself });
}

describe('DemoProcesses', () => {
  it('hands on the events a process prints, once they have come', async () => {
    const part = start(`${READY} ${STAY}`);
    expect(part.latest('ready')).toBeUndefined();
    expect(await processes.unlessFailed(part.event('ready'))).toEqual({ event: 'ready', port: 1 });
    expect(await part.event('ready')).toEqual({ event: 'ready', port: 1 });
    expect(part.latest('ready')).toEqual({ event: 'ready', port: 1 });
  });

  it('fails a wait when a process ends, with its name, exit code and last output', async () => {
    const part = start(`console.error('no disk'); process.exitCode = 3;`);
    await expect(processes.unlessFailed(part.event('ready'))).rejects.toThrow(
      /^the part ended with exit code 3; its last output:\n {2}no disk$/,
    );
  });

  it('fails a wait that begins after the process ended, even with exit code 0', async () => {
    const part = start(READY);
    await part.event('ready');
    await expect(processes.unlessFailed(new Promise(() => {}))).rejects.toThrow('exit code 0');
  });

  it('does not mind a process that ends with 0 when its work is done', async () => {
    const part = start(READY, true);
    await part.event('ready');
    await part.stop(5_000);
    expect(await processes.unlessFailed(Promise.resolve('fine'))).toBe('fine');
  });

  it('stops a process with SIGTERM, which is no failure', async () => {
    const part = start(`process.on('SIGTERM', () => process.exit(4)); ${READY} ${STAY}`);
    await part.event('ready');
    await part.stop(60_000);
    expect(await processes.unlessFailed(Promise.resolve('fine'))).toBe('fine');
  });

  it('kills a process that does not heed SIGTERM in time', async () => {
    const part = start(`process.on('SIGTERM', () => {}); ${READY} ${STAY}`);
    await part.event('ready');
    const kill = vi.spyOn(ChildProcess.prototype, 'kill');
    onTestFinished(() => kill.mockRestore());
    await part.stop(50);
    expect(kill.mock.calls).toEqual([['SIGTERM'], ['SIGKILL']]);
  });

  it('fails a wait when it is interrupted', async () => {
    const part = start(STAY);
    const waiting = processes.unlessFailed(part.event('ready'));
    processes.interrupt(new Error('interrupted'));
    await expect(waiting).rejects.toThrow('interrupted');
  });
});
