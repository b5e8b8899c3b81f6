import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { childrenOf } from '../measure/proc.js';
import { accepts, freePort } from '../processes/free-port.js';
import { end, endWithUs } from '../processes/programs.js';

/**
 * The configuration of a server that is to listen on `port` of this machine and, if it is a proxy, to pass everything on
 * to `upstreamPort`.
 */
export type ConfigOf = (directory: string, port: number, upstreamPort: number) => string;

/** nginx as a plain reverse proxy: connections kept open on both sides, no log, a process for each core. */
export const nginxConfig: ConfigOf = (directory, port, upstreamPort) => `
daemon off;
worker_processes auto;
pid ${directory}/nginx.pid;
error_log ${directory}/error.log crit;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_buffer_size 512k;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi; uwsgi_temp_path ${directory}/uwsgi; scgi_temp_path ${directory}/scgi;
  upstream cloud { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location / { proxy_pass http://cloud; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`;

/** HAProxy as a plain reverse proxy: connections kept open on both sides and shared, no log, a thread for each core. */
export const haproxyConfig: ConfigOf = (_directory, port, upstreamPort) => `
global
  maxconn 16384
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend devices
  bind 127.0.0.1:${port} backlog 16384
  default_backend cloud
backend cloud
  server cloud 127.0.0.1:${upstreamPort}
`;

/** mosquitto, which keeps what it has for absent clients on disk, now and then. */
export const mosquittoConfig: ConfigOf = (directory, port) => `
user root
listener ${port} 127.0.0.1
allow_anonymous true
log_type none
persistence true
persistence_location ${directory}/
max_queued_messages 0
`;

const READY_WITHIN_MS = 5_000;
const POLL_MS = 20;

/** A server of somebody else's, where it is installed. */
export interface InstalledServer {
  readonly command: string;
  /** Has its program say its version and end. */
  readonly versionArgument: string;
  readonly configOf: ConfigOf;
  /** To stay in the foreground; the file of the configuration comes last. */
  argsOf(directory: string): readonly string[];
}

export type InstalledName = 'nginx' | 'haproxy' | 'mosquitto';

export const INSTALLED: Readonly<Record<InstalledName, InstalledServer>> = {
  nginx: {
    command: 'nginx',
    versionArgument: '-v',
    configOf: nginxConfig,
    argsOf: (directory) => ['-p', directory, '-e', join(directory, 'error.log'), '-c'],
  },
  haproxy: { command: 'haproxy', versionArgument: '-v', configOf: haproxyConfig, argsOf: () => ['-db', '-f'] },
  mosquitto: { command: 'mosquitto', versionArgument: '-h', configOf: mosquittoConfig, argsOf: () => ['-c'] },
};

/** The line in which a program says its version; undefined where it is not installed. */
export function versionLineOf(command: string, argument = '-v'): string | undefined {
  const { error, stdout, stderr } = spawnSync(command, [argument], { encoding: 'utf8' });
  return error === undefined ? `${stdout}${stderr}`.split('\n')[0]?.trim() : undefined;
}

/** Starts a server, with files of its own in `directory`. @throws Error when it is not installed or does not listen */
export async function startInstalled(
  { command, versionArgument, configOf, argsOf }: InstalledServer,
  directory: string,
  upstreamPort: number,
): Promise<{ port: number; pids: () => number[]; stop: () => Promise<void> }> {
  if (versionLineOf(command, versionArgument) === undefined) throw new Error(`${command} is not installed`);
  const port = await freePort();
  mkdirSync(directory, { recursive: true });
  const configFile = join(directory, `${command}.conf`);
  writeFileSync(configFile, configOf(directory, port, upstreamPort));
  const server = spawn(command, [...argsOf(directory), configFile], { stdio: 'inherit' });
  endWithUs(server);
  try {
    await accepting(server, command, port);
  } catch (error) {
    await end(server, 'SIGKILL');
    throw error;
  }
  const pid = server.pid as number;
  return { port, pids: () => [pid, ...childrenOf(pid)], stop: () => end(server, 'SIGTERM') };
}

async function accepting(server: ChildProcess, command: string, port: number): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (!(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`${command} ended with ${server.exitCode}`);
    if (performance.now() > deadlineMs) throw new Error(`${command} does not listen`);
    await pause(POLL_MS);
  }
}
