import { type InstalledServer, versionLineOf } from './installed-server.js';

/** The installed version, such as `HAProxy 2.6.12`; undefined where there is none. */
export function haproxyVersion(): string | undefined {
  return versionLineOf('haproxy')?.replace(/^(HAProxy) version ([\d.]+).*/, '$1 $2');
}

/** HAProxy as a plain reverse proxy: connections kept open on both sides and shared, no log, a thread for each core. */
export const HAPROXY: InstalledServer = {
  name: 'haproxy',
  command: 'haproxy',
  argsOf: (_directory, configFile) => ['-db', '-f', configFile],
  configOf: (_directory, port, upstreamPort) => `
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
`,
};
