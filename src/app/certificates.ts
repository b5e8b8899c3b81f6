import type { Config } from '../config/load.js';
import { CertificateWatch, type TlsFiles } from '../core/machine/certificate-watch.js';
import type { Clock } from '../core/time/clock.js';
import type { LineWriter } from './log/event-log.js';

/** Whose certificate it is. */
type Side = 'device' | 'admin';

export interface CertificatesParts {
  readonly clock: Clock;
  /** By side: has new connections get what stands in the files. */
  readonly renew: Readonly<Record<Side, () => void | Promise<void>>>;
}

/** Watches the certificates of the device side and of the admin side, as far as they have any; their events go to the log. */
export class Certificates {
  /** Of the device side; undefined without TLS. */
  readonly device: CertificateWatch | undefined;
  readonly admin: CertificateWatch | undefined;

  /** @throws Error when the TLS files cannot be used */
  constructor(config: Config, log: LineWriter, parts: CertificatesParts) {
    this.device = watchOf('device', deviceTlsFiles(config), log, parts);
    this.admin = watchOf('admin', adminTlsFiles(config), log, parts);
  }

  /** How many there are. */
  get count(): number {
    return this.#all.length;
  }

  start(): void {
    for (const watch of this.#all) watch.start();
  }

  stop(): void {
    for (const watch of this.#all) watch.stop();
  }

  /** Looks at the files now, which are as they are meant to be. Never rejects. */
  async look(): Promise<void> {
    await Promise.all(this.#all.map((watch) => watch.look(true)));
  }

  get #all(): CertificateWatch[] {
    return [this.device, this.admin].filter((watch) => watch !== undefined);
  }
}

/** The PEM files of the device side; undefined without TLS. */
export function deviceTlsFiles({
  tlsCertFile,
  tlsKeyFile,
}: Pick<Config, 'tlsCertFile' | 'tlsKeyFile'>): TlsFiles | undefined {
  return tlsCertFile && tlsKeyFile ? { certFile: tlsCertFile, keyFile: tlsKeyFile } : undefined;
}

/** Those of the admin side. */
export function adminTlsFiles({ adminTlsCertFile, adminTlsKeyFile }: Config): TlsFiles | undefined {
  return adminTlsCertFile && adminTlsKeyFile ? { certFile: adminTlsCertFile, keyFile: adminTlsKeyFile } : undefined;
}

function watchOf(
  side: Side,
  files: TlsFiles | undefined,
  log: LineWriter,
  { clock, renew }: CertificatesParts,
): CertificateWatch | undefined {
  if (files === undefined) return undefined;
  const { certFile } = files;
  const ends = (atMs: number) => ({ side, certFile, endsAt: new Date(atMs).toISOString() });
  const whose = side === 'device' ? 'that devices see' : 'of the admin side';
  return new CertificateWatch(files, {
    clock,
    renew: async () => renew[side](),
    onRenewed: (atMs) =>
      log.info({ event: 'certificate-renewed', ...ends(atMs) }, 'new connections get the new certificate'),
    onRefused: (reason) =>
      log.error(
        { event: 'certificate-refused', side, certFile, reason },
        'the new certificate is refused, the former one stays',
      ),
    onEnding: (atMs) =>
      log.warn({ event: 'certificate-ending', ...ends(atMs) }, `the certificate ${whose} is about to end`),
  });
}
