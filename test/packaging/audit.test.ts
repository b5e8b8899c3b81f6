import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PROJECT_ROOT } from '../helpers/packed.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

/** Runs the audit with an npm that prints this and ends with that, as npm does. */
function audit(output: string, exitCode: number) {
  const folder = temporaryDirectory();
  writeFileSync(join(folder, 'answer'), output);
  writeFileSync(join(folder, 'npm'), `#!/bin/sh\ncat '${join(folder, 'answer')}'\nexit ${exitCode}\n`);
  chmodSync(join(folder, 'npm'), 0o755);
  const env = { PATH: [folder, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };
  const script = join(PROJECT_ROOT, 'packaging/audit.mjs');
  return spawnSync(process.execPath, [script], { env, encoding: 'utf8' });
}

const answer = (severity: string) =>
  JSON.stringify({
    vulnerabilities: { 'some-package': { severity } },
    metadata: { vulnerabilities: { info: 0, low: 0, moderate: 0, high: 0, critical: 0, total: 1 } },
  });

describe('npm run audit', () => {
  it.each(['high', 'critical'])('fails for what is %s, and names it', (severity) => {
    const { status, stdout } = audit(answer(severity), 1);
    expect(stdout).toContain(`some-package (${severity})`);
    expect(status).toBe(1);
  });

  it.each(['low', 'moderate'])('counts what is %s, and goes on', (severity) => {
    const { status, stdout } = audit(answer(severity), 1);
    expect(stdout).toContain('"total":1');
    expect(status).toBe(0);
  });

  it.each([
    [
      'a mirror that does not answer it',
      '{"message":"405 Method Not Allowed - POST","error":{"summary":""}}',
      '405 Method',
    ],
    ['no network', '{"error":{"code":"ENOTFOUND","summary":"request failed"}}', 'request failed'],
    ['nothing at all', '', 'no JSON'],
  ])('says that it was not run where there is %s', (_what, output, why) => {
    const { status, stdout } = audit(output, 1);
    expect(stdout).toMatch(/^not run here, npm audit: /);
    expect(stdout).toContain(why);
    expect(status).toBe(0);
  });
});
