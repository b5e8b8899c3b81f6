import type { AdminOptions } from '../admin/admin-server.js';
import type { Config } from '../config/load.js';

/** Who may ask the admin side, and how. */
export function adminOptions({ adminHosts, adminToken, adminTlsCertFile, adminTlsKeyFile }: Config): AdminOptions {
  const tls =
    adminTlsCertFile && adminTlsKeyFile ? { certFile: adminTlsCertFile, keyFile: adminTlsKeyFile } : undefined;
  return { names: adminHosts, token: adminToken, tls };
}
