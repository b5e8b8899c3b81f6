import { createRequire } from 'node:module';
import { StatewayError } from '../core/errors.js';

/** The machine and the Node that a start finds. */
export interface System {
  /** As in `linux`. */
  readonly platform: string;
  /** As in `x64`. */
  readonly arch: string;
  /** As in `20.19.0`. */
  readonly node: string;
  /** As in `2.36`; undefined where the system has another C library. */
  readonly glibc: string | undefined;
  /** Whether the official uWebSockets.js was installed, which has needs of its own. */
  readonly hasOwnWebServer: boolean;
}

/** Exit code of every command that cannot be run as it was asked for (contract 1.1). */
const EXIT_BAD_USAGE = 2;
const ARCHITECTURES = ['x64', 'arm64'];
const OLDEST_NODE = '20.19';
const RECOMMENDED_NODE = '24';
/** LMDB's binary needs this much (symbol versions of lmdb 3.5.6), with any Node. */
const OLDEST_GLIBC = '2.34';
/** What the republications of uWebSockets.js are built for, in `package.json` and by the symbol versions of their binaries. */
const BUILDS = [
  { nodes: ['20', '22', '24', '25'], glibc: '2.38' },
  { nodes: ['20'], glibc: OLDEST_GLIBC },
] as const;

/**
 * Ends the process where it cannot run here, with what to install instead. To be called before anything native is loaded:
 * what does not fit there is told in the words of a dynamic linker.
 */
export function exitIfUnsupported(): void {
  const reason = unsupportedBy(thisSystem());
  if (reason === undefined) return;
  const { code, message } = new StatewayError('STATEWAY_UNSUPPORTED_SYSTEM', reason);
  process.stderr.write(`stateway: ${message} (${code})\n`);
  process.exit(EXIT_BAD_USAGE);
}

/** Why it cannot run on a system, and what would help; undefined where it can. */
export function unsupportedBy({ platform, arch, node, glibc, hasOwnWebServer }: System): string | undefined {
  if (platform !== 'linux' || !ARCHITECTURES.includes(arch)) {
    return `Stateway runs on Linux with an x64 or arm64 processor, not on ${platform} with ${arch}: use such a machine, or a container`;
  }
  if (glibc === undefined || isOlder(glibc, OLDEST_GLIBC)) {
    const found = glibc === undefined ? 'another C library, as Alpine Linux has' : `glibc ${glibc}`;
    return `this system has ${found}; Stateway needs glibc ${OLDEST_GLIBC} or newer: use Debian 12, Ubuntu 22.04, RHEL 9 or newer ones`;
  }
  const major = node.split('.')[0] as string;
  if (isOlder(node, OLDEST_NODE)) return `Node ${node} is too old: ${installFor(glibc)}`;
  if (hasOwnWebServer || BUILDS.some((build) => hasBuild(build, major, glibc))) return undefined;
  const newer = BUILDS[0];
  if (newer.nodes.some((known) => known === major)) {
    return `Node ${major} needs glibc ${newer.glibc} or newer here, and this system has ${glibc}: ${installFor(glibc)}, or use a newer system`;
  }
  return `the web server underneath has no build for Node ${major}: ${installFor(glibc)}`;
}

function hasBuild(build: (typeof BUILDS)[number], major: string, glibc: string): boolean {
  return build.nodes.some((known) => known === major) && !isOlder(glibc, build.glibc);
}

function installFor(glibc: string): string {
  return isOlder(glibc, BUILDS[0].glibc)
    ? `install Node 20, from ${OLDEST_NODE} on`
    : `install Node ${RECOMMENDED_NODE}, which is recommended`;
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = than.split('.').map(Number);
  return major === leastMajor ? minor < leastMinor : major < leastMajor;
}

function thisSystem(): System {
  return {
    platform: process.platform,
    arch: process.arch,
    node: process.versions.node,
    glibc: glibcVersion(),
    hasOwnWebServer: canResolve('uWebSockets.js'),
  };
}

/** Of the library that this process runs with, as Node's own report has it (nodejs.org, "Diagnostic report"). */
function glibcVersion(): string | undefined {
  // Else it would ask for the names of open connections.
  Object.assign(process.report, { excludeNetwork: true });
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

function canResolve(name: string): boolean {
  try {
    createRequire(import.meta.url).resolve(name);
    return true;
  } catch {
    return false;
  }
}
