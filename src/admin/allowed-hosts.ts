import { isIP } from 'node:net';
import { hostname } from 'node:os';

/** Shown of a name that is not allowed: as long as names of hosts can be (RFC 1035, 2.3.4). */
const MAX_SHOWN_CHARACTERS = 253;

/**
 * The names that the admin side may be asked by. A page that somebody opened in a browser of the plant can have a name of
 * its own lead to any address there (DNS rebinding), and would read what the admin side shows; but then it asks by that
 * name. An address is no name, and `localhost` is nobody's.
 */
export class AllowedHosts {
  readonly #names: ReadonlySet<string>;
  readonly #endings: readonly string[];

  /** @param names in any case; one that begins with a dot stands for all names that end in it */
  constructor(names: readonly string[]) {
    const all = ['localhost', '.localhost', ...names].map((name) => name.toLowerCase());
    this.#names = new Set(all.filter((name) => !name.startsWith('.')));
    this.#endings = all.filter((name) => name.startsWith('.'));
  }

  /** @param host the field `Host`; a request of HTTP/1.0 has none, and no browser sends those */
  allows(host: string | undefined): boolean {
    if (host === undefined || host === '') return true;
    const [, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host) ?? [];
    if (bracketed !== undefined) return isIP(bracketed) === 6;
    const name = plain.toLowerCase().replace(/\.$/, '');
    return isIP(name) === 4 || this.#names.has(name) || this.#endings.some((ending) => name.endsWith(ending));
  }
}

/** What an answer says to a name that is not allowed. */
export function explainHost(host: string | undefined): string {
  const shown = JSON.stringify((host ?? '').slice(0, MAX_SHOWN_CHARACTERS));
  return `The admin side is not asked by the name ${shown}; allowed are an IP address, localhost, the host's own name, and the names in STATEWAY_ADMIN_HOSTS`;
}

/**
 * The names by which this machine is known without being told: its own, and in a cluster those of its Services, which no
 * name outside of a cluster ends in.
 */
export function ownNames(env: NodeJS.ProcessEnv = process.env): string[] {
  const name = hostname();
  const own = [name, name.split('.', 1)[0] as string];
  // Kubernetes sets it in every container.
  return env.KUBERNETES_SERVICE_HOST === undefined ? own : [...own, '.svc', '.svc.cluster.local'];
}
