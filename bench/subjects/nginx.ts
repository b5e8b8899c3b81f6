import { join } from 'node:path';
import { type InstalledServer, versionLineOf } from './installed-server.js';

/** The installed version, such as `nginx/1.22.1`; undefined where there is none. */
export function nginxVersion(): string | undefined {
  return versionLineOf('nginx')?.replace(/^nginx version: /, '');
}

/** nginx as a plain reverse proxy: connections kept open on both sides, no log, a process for each core. */
export const NGINX: InstalledServer = {
  name: 'nginx',
  command: 'nginx',
  argsOf: (directory, configFile) => ['-p', directory, '-c', configFile, '-e', join(directory, 'error.log')],
  configOf: (directory, port, upstreamPort) => `
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
`,
};
