import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../time/clock.js';

/** A certificate is renewed weeks before it ends; and to look costs two reads of some kilobytes, on every file system. */
export const LOOK_EVERY_MS = 10_000;
/** Contract 1.7: whoever has to renew it by hand should have a fortnight. */
export const TELL_BEFORE_MS = 14 * 86_400_000;

/** PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CertificateWatchParts {
  readonly clock: Clock;
  /** Has new connections get what stands in the files. */
  readonly renew: () => Promise<void>;
  /** For the log; each is told once for a pair of files as they stand. */
  readonly onRenewed: (endsAtMs: number) => void;
  readonly onRefused: (reason: string) => void;
  /** It ends within a fortnight, or has ended. */
  readonly onEnding: (endsAtMs: number) => void;
}

interface Pair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Looks at the files of a certificate, now and then and when it is told to. A pair that is new and good is
 * taken; any other is refused, and the former one stays. Half of a new pair may be there for a moment: it is refused when
 * it is still there at the next look.
 */
export class CertificateWatch {
  readonly #files: TlsFiles;
  readonly #parts: CertificateWatchParts;
  #taken: Pair;
  #endsAtMs: number;
  /** Seen at the last look, and not taken. */
  #seen: Pair | undefined = undefined;
  #refused: Pair | undefined = undefined;
  #refusal: string | undefined = undefined;
  #hasToldEnding = false;
  #looking: Promise<void> = Promise.resolve();
  #cancel: () => void = () => {};
  #isStopped = false;

  /** @throws Error when the files cannot be read or do not belong together */
  constructor(files: TlsFiles, parts: CertificateWatchParts) {
    this.#files = files;
    this.#parts = parts;
    this.#taken = { cert: readFileSync(files.certFile, 'utf8'), key: readFileSync(files.keyFile, 'utf8') };
    this.#endsAtMs = endOf(this.#taken);
  }

  /** Wall-clock milliseconds at which the certificate ends that new connections get. */
  get endsAtMs(): number {
    return this.#endsAtMs;
  }

  /** Why what stands in the files is not taken; undefined where it is. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  start(): void {
    this.#tellEnding();
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  /**
   * Looks at the files. Never rejects.
   * @param isFinal whether they are as they are meant to be, so that a bad pair is refused at once
   */
  look(isFinal: boolean): Promise<void> {
    this.#looking = this.#looking.then(() => this.#look(isFinal));
    return this.#looking;
  }

  #schedule(): void {
    this.#cancel = this.#parts.clock.schedule(LOOK_EVERY_MS, () => {
      void this.look(false).then(() => {
        if (!this.#isStopped) this.#schedule();
      });
    });
  }

  async #look(isFinal: boolean): Promise<void> {
    if (this.#isStopped) return;
    try {
      const { certFile, keyFile } = this.#files;
      const pair = { cert: await readFile(certFile, 'utf8'), key: await readFile(keyFile, 'utf8') };
      await this.#judge(pair, isFinal);
    } catch (error) {
      // Gone, or not to be read: as a pair that is no good.
      this.#refuse({ cert: '', key: (error as Error).message }, (error as Error).message, isFinal);
    }
    this.#tellEnding();
  }

  async #judge(pair: Pair, isFinal: boolean): Promise<void> {
    if (isSame(pair, this.#taken)) {
      this.#seen = undefined;
      this.#refused = undefined;
      this.#refusal = undefined;
      return;
    }
    if (isSame(pair, this.#refused)) return;
    try {
      const endsAtMs = endOf(pair);
      if (endsAtMs <= this.#parts.clock.wallMs()) throw new Error('it has ended already');
      await this.#parts.renew();
      this.#take(pair, endsAtMs);
    } catch (error) {
      this.#refuse(pair, (error as Error).message, isFinal);
    }
  }

  #take(pair: Pair, endsAtMs: number): void {
    this.#taken = pair;
    this.#endsAtMs = endsAtMs;
    this.#seen = undefined;
    this.#refused = undefined;
    this.#refusal = undefined;
    this.#hasToldEnding = false;
    this.#parts.onRenewed(endsAtMs);
  }

  #refuse(pair: Pair, reason: string, isFinal: boolean): void {
    const isSettled = isFinal || isSame(pair, this.#seen);
    this.#seen = pair;
    if (!isSettled || isSame(pair, this.#refused)) return;
    this.#refused = pair;
    this.#refusal = reason;
    this.#parts.onRefused(reason);
  }

  #tellEnding(): void {
    if (this.#hasToldEnding || this.#endsAtMs - this.#parts.clock.wallMs() > TELL_BEFORE_MS) return;
    this.#hasToldEnding = true;
    this.#parts.onEnding(this.#endsAtMs);
  }
}

function isSame(a: Pair, b: Pair | undefined): boolean {
  return a.cert === b?.cert && a.key === b.key;
}

/**
 * When the certificate of a pair ends; the first of a chain is the one that devices see.
 * @throws Error that says what is wrong with the pair
 */
function endOf({ cert, key }: Pair): number {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (cause) {
    throw new Error('the certificate file holds no PEM certificate', { cause });
  }
  let isOfKey: boolean;
  try {
    isOfKey = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    throw new Error('the key file holds no PEM key that can be read without a password', { cause });
  }
  if (!isOfKey) throw new Error('certificate and key do not belong together');
  return Date.parse(certificate.validTo);
}
