import { type AdminOptions, AdminServer } from '../admin/admin-server.js';
import type { AdminSources } from '../admin/admin-sources.js';
import type { Config } from '../config/load.js';
import { systemClock } from '../core/clock.js';
import { freeDiskBytes } from './disk-space.js';
import { PACKAGE_VERSION } from './package-info.js';

/** What the admin side is told of by its configuration, by the machine, and by the moment at which it is made. */
type OfStart = 'build' | 'clock' | 'startedAtMs' | 'startedMs' | 'cloudUrl' | 'spoolRoom' | 'outOfWindow';

/** The admin side, as it is configured; `running` is what it shows of the stages. */
export function createAdmin(config: Config, uws: string, running: Omit<AdminSources, OfStart>): AdminServer {
  const { name, dataDir, maxSpoolBytes, outOfWindow, upstreamUrl } = config;
  const sources: AdminSources = {
    ...running,
    build: { name, version: PACKAGE_VERSION, node: process.version, uws },
    clock: systemClock,
    startedAtMs: systemClock.wallMs(),
    startedMs: systemClock.monotonicMs(),
    cloudUrl: upstreamUrl,
    spoolRoom: () => ({ maxBytes: maxSpoolBytes, freeDiskBytes: freeDiskBytes(dataDir) }),
    outOfWindow,
  };
  return new AdminServer(sources, adminOptions(config));
}

/** Who may ask, and how. */
function adminOptions({ adminHosts, adminToken, adminTlsCertFile, adminTlsKeyFile }: Config): AdminOptions {
  const tls =
    adminTlsCertFile && adminTlsKeyFile ? { certFile: adminTlsCertFile, keyFile: adminTlsKeyFile } : undefined;
  return { names: adminHosts, token: adminToken, tls };
}
