#!/usr/bin/env node
/**
 * `npm run deb:check`: the life of the Debian package on a Debian of its own, under systemd: installed, configured, used,
 * upgraded while states wait, removed, purged. `--root FOLDER` keeps the system for the next time. Where none can be had it says
 * so, and what it would take.
 * Exit codes: 0 all well, or not to be had here; 1 a fault; 2 bad usage.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { buildDeb } from './build.mjs';
import { say } from './expectations.mjs';
import { checkUnit, configure, giveSecrets, install, outliveStuckness, removeAndPurge, upgrade } from './life.mjs';
import { expectHeld, STATES, sendStates, setFaults, settled, startCloud } from './simulated-plant.mjs';
import { DebianSystem, makeRoot, whyNoSystem } from './system.mjs';

const OLD = '0.0.1';
const NEW = '0.0.2';

process.exitCode = await main();

async function main() {
  let kept;
  try {
    ({ root: kept } = parseArgs({ options: { root: { type: 'string' } } }).values);
  } catch (error) {
    process.stderr.write(`${/** @type {Error} */ (error).message}\n`);
    return 2;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'stateway-deb-check-'));
  chmodSync(scratch, 0o755);
  try {
    const root = kept ?? join(scratch, 'root');
    const missing = whyNoSystem() ?? makeRoot(root);
    if (missing !== undefined) {
      say(`not run here, the life of the Debian package: ${missing}`);
      return 0;
    }
    const packages = join(scratch, 'packages');
    mkdirSync(packages);
    const { files } = buildDeb({ output: packages, versions: [OLD, NEW], isQuick: true });
    const [before, after] = /** @type {[string, string]} */ (files.map((file) => basename(file)));
    await lead(resolve(root), packages, before, after);
    return 0;
  } catch (error) {
    process.stderr.write(`deb:check: ${/** @type {Error} */ (error).message}\n`);
    return 1;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * @param {string} root
 * @param {string} packages
 * @param {string} before
 * @param {string} after
 */
async function lead(root, packages, before, after) {
  const system = new DebianSystem();
  try {
    await system.boot(root, packages);
    say(`running: ${system.run('systemctl', '--version').split('\n')[0]}, as process 1`);
    install(system, before);
    checkUnit(system);
    await configure(system);
    await outliveStuckness(system);
    const cloud = await startCloud(system);
    sendStates(system);
    await settled(system, 0);
    setFaults(system, [{ kind: 'outage' }]);
    sendStates(system);
    await settled(system, STATES);
    upgrade(system, after, NEW);
    await settled(system, STATES);
    setFaults(system, []);
    await settled(system, 0);
    await expectHeld(cloud, 2 * STATES);
    await giveSecrets(system);
    removeAndPurge(system);
  } catch (error) {
    const journal = system.try('journalctl', '--unit=stateway', '--no-pager', '--lines=20').stdout;
    throw new Error(`${/** @type {Error} */ (error).message}\n${journal}`);
  } finally {
    await system.end();
  }
}
