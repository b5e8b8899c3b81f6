import {
  type HeldBounds,
  SHARE_OF_WAITING,
  shareOfStrangers,
  shareOfUnfinished,
  WAITING_REQUEST_BYTES,
} from '../core/bounds.js';
import { StatewayError } from '../core/errors.js';

/** What is told when something does not fit. */
export function overloaded(): StatewayError {
  return new StatewayError('STATEWAY_OVERLOADED', 'the proxy is overloaded; send again shortly');
}

/**
 * The bound on what the front holds unanswered: bytes of bodies that are being received, wait for a grant or are on
 * their way to disk (contract 1.6, promise 4). Whoever is admitted must release as many bytes, once.
 *
 * Whoever has no grant, or has not sent a body whole, has a {@link Share} of it and no more, so that the rest is there for
 * bodies that come whole and with a grant (contract 1.4).
 */
export class Admission {
  /** By address: what comes without a grant. */
  readonly strangers: Share;
  /** By device, or by token: bodies with a grant that are not whole. */
  readonly unfinished: Share;
  /** By address: what requests without a grant take beside their bodies, which is not of the bound. */
  readonly #waiting: Share;
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param maxBodyBytes the largest body; each share holds one of that size */
  constructor(maxBytes: number, maxBodyBytes: number) {
    this.#maxBytes = maxBytes;
    this.strangers = new Share(shareOfStrangers(maxBytes, maxBodyBytes), this);
    this.unfinished = new Share(shareOfUnfinished(maxBytes, maxBodyBytes), this);
    this.#waiting = new Share(SHARE_OF_WAITING, undefined);
  }

  /** Bytes admitted and not released. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes `bytes` under the bound; false, taking nothing, when they do not fit. */
  admit(bytes: number): boolean {
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Takes in a request without a grant, with nothing of its body yet; undefined when there are too many of them. */
  holdAsStranger(address: string, tokenBytes: number): Holding | undefined {
    const beside = new Holding(this.#waiting, address, undefined);
    return beside.admit(WAITING_REQUEST_BYTES + tokenBytes) ? new Holding(this.strangers, address, beside) : undefined;
  }
}

/** A part of a bound, with a bound in all and one for each holder. */
export class Share {
  readonly #bounds: HeldBounds;
  readonly #admission: Admission | undefined;
  readonly #byHolder = new Map<string, number>();
  #bytes = 0;

  /** @param admission of which it is a part; undefined: of nothing */
  constructor(bounds: HeldBounds, admission: Admission | undefined) {
    this.#bounds = bounds;
    this.#admission = admission;
  }

  /** As {@link Admission.admit}, for a holder. */
  admit(holder: string, bytes: number): boolean {
    const held = this.#byHolder.get(holder) ?? 0;
    if (held + bytes > this.#bounds.each || this.#bytes + bytes > this.#bounds.all) return false;
    return this.admitPast(holder, bytes);
  }

  /** As `admit`, up to the bound of which it is a part. What goes past its own bounds is refused to what comes after. */
  admitPast(holder: string, bytes: number): boolean {
    if (this.#admission?.admit(bytes) === false) return false;
    this.#bytes += bytes;
    this.#byHolder.set(holder, (this.#byHolder.get(holder) ?? 0) + bytes);
    return true;
  }

  release(holder: string, bytes: number): void {
    const left = (this.#byHolder.get(holder) ?? 0) - bytes;
    if (left > 0) this.#byHolder.set(holder, left);
    else this.#byHolder.delete(holder);
    this.#bytes -= bytes;
    this.#admission?.release(bytes);
  }
}

/** What one request holds of a share. */
export class Holding {
  #share: Share;
  #holder: string;
  #bytes = 0;
  readonly #beside: Holding | undefined;

  /** @param beside what it holds besides, given back with the rest */
  constructor(share: Share, holder: string, beside: Holding | undefined) {
    this.#share = share;
    this.#holder = holder;
    this.#beside = beside;
  }

  /** Takes more; false, taking nothing, when it does not fit. */
  admit(bytes: number): boolean {
    if (!this.#share.admit(this.#holder, bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** As `admit`, for bytes that nothing could have kept from coming: they may go past the share, not past the whole bound. */
  admitPastShare(bytes: number): boolean {
    if (!this.#share.admitPast(this.#holder, bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Holds the same of another share of the same bound instead; false, holding nothing of either, when it does not fit. */
  moveTo(share: Share, holder: string): boolean {
    const bytes = this.#bytes;
    // First, since both are parts of one bound.
    this.forgetBytes();
    this.#share = share;
    this.#holder = holder;
    return this.admit(bytes);
  }

  /** Gives back so many of the bytes, or all of them; it may take others then. */
  forgetBytes(bytes = this.#bytes): void {
    this.#share.release(this.#holder, bytes);
    this.#bytes -= bytes;
  }

  /** Gives back everything; doing it again changes nothing. */
  release(): void {
    this.forgetBytes();
    this.#beside?.release();
  }
}
