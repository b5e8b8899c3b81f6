import { measured } from '../fault-form.js';
import type { PhaseFigures } from './site.js';

/** Prints what a phase showed: the good devices' errands, the proxy from outside, and what the strangers got. */
export function printPhase(
  what: string,
  { fleet, proxy, askedPerSecond, attacks, victimsArriveWithinMs }: PhaseFigures,
): void {
  const { device, state, logIn, other } = askedPerSecond;
  measured(`${what}, proxy`, {
    peakMiB: proxy.peakMiB,
    endMiB: proxy.endMiB,
    handles: proxy.mostHandles,
    probesFailed: `${proxy.probesFailed} of ${proxy.probes}`,
    longestProbeMs: proxy.longestProbeMs,
    victimsArriveWithinMs,
    askedPerSecond: `${device} for devices; ${state} with states; ${logIn} log-ins; ${other} others`,
  });
  for (const [errand, { served, refused, p50Ms, p99Ms, mostMs, why }] of fleet) {
    const reasons = Object.entries(why).map(([reason, count]) => `${count} times ${reason.slice(0, 160)}`);
    measured(`${what}, ${errand}`, { served, refused, p50Ms, p99Ms, mostMs, refusals: reasons.join('; ') || 'none' });
  }
  for (const { name, connections, mostOpen, bytes, paceKept, answers } of attacks) {
    const listed = Object.entries(answers).map(([status, count]) => `${count} ${status}`);
    measured(`${what}, strangers of ${name}`, {
      connections,
      mostOpen,
      sentMiB: Math.round(bytes / 2 ** 20),
      paceKept,
      answers: listed.join('; ') || 'none',
    });
  }
}
