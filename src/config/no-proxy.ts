import { BlockList, isIP } from 'node:net';

const PORT_OF: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/**
 * Whether `NO_PROXY` says that `target` is reached straight. Its entries stand between commas or blanks: a host, which
 * means its subdomains too, with or without `*.` or a dot before it; an address or a range of addresses (`10.0.0.0/8`), for
 * a target that is an address itself; each of them with a port or without; or `*` for everything. What is none of these
 * matches nothing.
 */
export function isExempt(target: URL, noProxy: string): boolean {
  const port = target.port === '' ? PORT_OF[target.protocol] : target.port;
  return noProxy.split(/[,\s]+/).some((entry) => {
    if (entry === '*') return true;
    const { host, port: onPort } = splitPort(entry);
    return (onPort === undefined || onPort === port) && covers(host, target.hostname);
  });
}

/** Host and port of an entry; an IPv6 address has its port behind brackets. */
function splitPort(entry: string): { host: string; port: string | undefined } {
  if (isIP(entry.split('/', 1)[0] as string) === 6) return { host: entry, port: undefined };
  const [, host = entry, port] = /^(.+):(\d+)$/.exec(entry) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

function covers(entry: string, hostname: string): boolean {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  const range = rangeOf(entry);
  if (range !== undefined) return isIP(address) > 0 && range.check(address, familyOf(address));
  const suffix = asUrlHost(entry.replace(/^\*?\./, ''));
  const name = withoutLastDot(hostname);
  return suffix !== '' && (name === suffix || name.endsWith(`.${suffix}`));
}

/** An address, alone or with the length of its network's prefix. */
function rangeOf(entry: string): BlockList | undefined {
  const [address = '', length, ...rest] = entry.split('/');
  if (isIP(address) === 0 || rest.length > 0) return undefined;
  const list = new BlockList();
  const family = familyOf(address);
  if (length === undefined) list.addAddress(address, family);
  else if (/^\d+$/.test(length) && Number(length) <= (family === 'ipv4' ? 32 : 128)) {
    list.addSubnet(address, Number(length), family);
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}

/** A name as a URL spells it: in lower case, others than ASCII encoded. */
function asUrlHost(name: string): string {
  const url = `http://${name}`;
  return withoutLastDot(URL.canParse(url) ? new URL(url).hostname : '');
}

function withoutLastDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}
