import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { childrenOf } from '../measure/proc.js';
import { endWithUs } from '../processes/ended-with-us.js';
import { accepts, freePort } from '../processes/free-port.js';
import type { Skipped, Subject, SubjectName } from './subject.js';

const READY_WITHIN_MS = 5_000;
const POLL_MS = 20;

/** A server of somebody else's, where it is installed. */
export interface InstalledServer {
  readonly name: SubjectName;
  readonly command: string;
  /** Has its program say its version and end; `-v` unless it says otherwise. */
  readonly versionArgument?: string;
  /** Its configuration: to listen on `port` of this machine, and, if it is a proxy, to pass everything on to `upstreamPort`. */
  configOf(directory: string, port: number, upstreamPort: number): string;
  /** To stay in the foreground. */
  argsOf(directory: string, configFile: string): readonly string[];
}

/** The line in which a program says its version; undefined where it is not installed. */
export function versionLineOf(command: string, argument = '-v'): string | undefined {
  const { error, stdout, stderr } = spawnSync(command, [argument], { encoding: 'utf8' });
  return error === undefined ? `${stdout}${stderr}`.split('\n')[0]?.trim() : undefined;
}

/** Starts a server, with files of its own in `directory`. */
export async function startInstalled(
  { name, command, versionArgument, configOf, argsOf }: InstalledServer,
  directory: string,
  upstreamPort: number,
): Promise<Subject | Skipped> {
  if (versionLineOf(command, versionArgument) === undefined) return { name, reason: `${command} is not installed` };
  const port = await freePort();
  mkdirSync(directory, { recursive: true });
  const configFile = join(directory, `${command}.conf`);
  writeFileSync(configFile, configOf(directory, port, upstreamPort));
  const server = spawn(command, argsOf(directory, configFile), { stdio: 'inherit' });
  endWithUs(server);
  try {
    await accepting(server, command, port);
  } catch (error) {
    server.kill('SIGKILL');
    return { name, reason: (error as Error).message };
  }
  const pid = server.pid as number;
  return { name, port, pids: () => [pid, ...childrenOf(pid)], stop: () => stop(server) };
}

async function accepting(server: ChildProcess, command: string, port: number): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (!(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`${command} ended with ${server.exitCode}`);
    if (performance.now() > deadlineMs) throw new Error(`${command} does not listen`);
    await pause(POLL_MS);
  }
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGTERM');
  await exited;
}
