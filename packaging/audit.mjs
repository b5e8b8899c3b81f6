#!/usr/bin/env node
/**
 * `npm run audit`: what the registry knows of weak points in the production packages. Where no registry answers that question, as
 * without a network or behind a mirror, it says so, and nothing is wrong.
 * Exit codes: 0 nothing of weight, or not to be asked; 1 something high or critical.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GRAVE = ['high', 'critical'];

/**
 * @param {string} output of `npm audit --json`
 * @returns {{ kind: 'answer', counts: Record<string, number>, grave: string[] } | { kind: 'no answer', why: string }}
 */
export function readAudit(output) {
  let report;
  try {
    report = JSON.parse(output);
  } catch {
    return { kind: 'no answer', why: 'npm audit printed no JSON' };
  }
  const counts = report.metadata?.vulnerabilities;
  if (counts === undefined)
    return { kind: 'no answer', why: String(report.message ?? report.error?.summary ?? 'no reason') };
  const found = /** @type {[string, { severity: string }][]} */ (Object.entries(report.vulnerabilities ?? {}));
  const grave = found.filter(([, { severity }]) => GRAVE.includes(severity));
  return { kind: 'answer', counts, grave: grave.map(([name, { severity }]) => `${name} (${severity})`) };
}

function main() {
  const args = ['audit', '--omit=dev', '--json', '--package-lock-only', '--loglevel=silent'];
  const { stdout, error } = spawnSync('npm', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const audit =
    error === undefined ? readAudit(stdout) : { kind: /** @type {const} */ ('no answer'), why: error.message };
  if (audit.kind === 'no answer') {
    process.stdout.write(`not run here, npm audit: the registry does not answer it (${audit.why})\n`);
    return 0;
  }
  process.stdout.write(`npm audit, production packages: ${JSON.stringify(audit.counts)}\n`);
  if (audit.grave.length === 0) return 0;
  process.stdout.write(`high or critical: ${audit.grave.join(', ')}\n`);
  return 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
