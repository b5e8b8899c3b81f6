/** Whether listening on `host` means every address of the machine. */
export function isWildcardHost(host: string): boolean {
  return host === '0.0.0.0' || /^[0:]+$/.test(host);
}

/** Where a client on the same machine reaches a server that listens on `host`. */
export function loopbackFor(host: string): string {
  if (!isWildcardHost(host)) return host;
  return host === '0.0.0.0' ? '127.0.0.1' : '::1';
}

/** As it stands in a URL. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
