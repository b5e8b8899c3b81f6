import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { childrenOf } from '../measure/proc.js';
import { endWithUs } from '../processes/ended-with-us.js';
import { freePort } from '../processes/free-port.js';
import type { Skipped, Subject } from './subject.js';

const READY_WITHIN_MS = 5_000;
const POLL_MS = 20;

/** The installed version, such as `nginx/1.22.1`; undefined where there is none. */
export function nginxVersion(): string | undefined {
  // It writes its version to standard error.
  const { error, stderr } = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
  return error === undefined ? stderr.trim().replace(/^nginx version: /, '') : undefined;
}

/** nginx as a plain reverse proxy: connections kept open on both sides, no log, a process for each core. */
export async function startNginx(directory: string, upstreamPort: number): Promise<Subject | Skipped> {
  if (nginxVersion() === undefined) return { name: 'nginx', reason: 'nginx is not installed' };
  const port = await freePort();
  mkdirSync(directory, { recursive: true });
  const configFile = join(directory, 'nginx.conf');
  writeFileSync(configFile, configOf(directory, port, upstreamPort));
  const server = spawn('nginx', ['-p', directory, '-c', configFile, '-e', join(directory, 'error.log')], {
    stdio: 'inherit',
  });
  endWithUs(server);
  try {
    await accepting(server, port);
  } catch (error) {
    server.kill('SIGKILL');
    return { name: 'nginx', reason: (error as Error).message };
  }
  const pid = server.pid as number;
  return { name: 'nginx', port, pids: () => [pid, ...childrenOf(pid)], stop: () => stop(server) };
}

function configOf(directory: string, port: number, upstreamPort: number): string {
  return `
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
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  upstream cloud {
    server 127.0.0.1:${upstreamPort};
    keepalive 256;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=16384;
    location / {
      proxy_pass http://cloud;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

async function accepting(server: ChildProcess, port: number): Promise<void> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (!(await accepts(port))) {
    if (server.exitCode !== null) throw new Error(`nginx ended with ${server.exitCode}`);
    if (performance.now() > deadlineMs) throw new Error('nginx does not listen');
    await pause(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGTERM');
  await exited;
}
