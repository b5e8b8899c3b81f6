import { type InstalledServer, versionLineOf } from './installed-server.js';

/** The installed version, such as `2.0.11`; undefined where there is none. */
export function mosquittoVersion(): string | undefined {
  return /\d+(\.\d+)+/.exec(versionLineOf('mosquitto', '-h') ?? '')?.[0];
}

/** mosquitto, which keeps what it has for absent clients on disk, now and then. */
export const MOSQUITTO: InstalledServer = {
  name: 'mosquitto',
  command: 'mosquitto',
  versionArgument: '-h',
  argsOf: (_directory, configFile) => ['-c', configFile],
  configOf: (directory, port) => `
user root
listener ${port} 127.0.0.1
allow_anonymous true
log_type none
persistence true
persistence_location ${directory}/
max_queued_messages 0
`,
};
