import { isIPv6 } from 'node:net';
import type { Clock } from '../core/time/clock.js';

/** Long enough that an address that leads nowhere is not tried first by every connection, short enough for repairs. */
export const FORGOTTEN_AFTER_MS = 600_000;
/** Names have few addresses; one that gives others each time must not fill the memory. */
const MAX_REMEMBERED = 64;

/**
 * Which addresses of the cloud, or of the proxy in front of it, led nowhere lately: to those a connection is tried last.
 * None is left out, since it may be all that there is.
 */
export class AddressMemory {
  readonly #clock: Clock;
  /** Monotonic: when they failed last; the longest ago goes first. */
  readonly #failed = new Map<string, number>();
  /** What connections were made to since the last {@link AddressMemory.distrust}. */
  readonly #used = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param addresses as the resolver prefers them; returned by turns of the two families (RFC 8305, 4), what failed last */
  inOrder(addresses: readonly string[]): string[] {
    const nowMs = this.#clock.monotonicMs();
    for (const [address, failedMs] of this.#failed) {
      if (nowMs - failedMs >= FORGOTTEN_AFTER_MS) this.#failed.delete(address);
    }
    const failedMs = (address: string) => this.#failed.get(address) ?? Number.NEGATIVE_INFINITY;
    const byTurns = familiesByTurns(addresses);
    const isSound = (address: string) => !this.#failed.has(address);
    const suspects = byTurns.filter((address) => !isSound(address)).sort((a, b) => failedMs(a) - failedMs(b));
    return [...byTurns.filter(isSound), ...suspects];
  }

  noteConnected(address: string): void {
    this.#failed.delete(address);
    this.#used.add(address);
    if (this.#used.size > MAX_REMEMBERED) this.#used.delete(this.#used.values().next().value as string);
  }

  noteFailed(address: string): void {
    this.#failed.delete(address);
    this.#failed.set(address, this.#clock.monotonicMs());
    if (this.#failed.size > MAX_REMEMBERED) this.#failed.delete(this.#failed.keys().next().value as string);
  }

  /** What takes connections there is of no use: it does not answer, or is not the cloud. */
  distrust(): void {
    for (const address of this.#used) this.noteFailed(address);
    this.#used.clear();
  }
}

function familiesByTurns(addresses: readonly string[]): string[] {
  const isFirstIPv6 = isIPv6(addresses[0] ?? '');
  const firstFamily = addresses.filter((address) => isIPv6(address) === isFirstIPv6);
  const otherFamily = addresses.filter((address) => isIPv6(address) !== isFirstIPv6);
  const turns = Math.max(firstFamily.length, otherFamily.length);
  return Array.from({ length: turns }, (_, turn) => [firstFamily[turn], otherFamily[turn]])
    .flat()
    .filter((address) => address !== undefined);
}
