import { copyFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CertificateWatch, LOOK_EVERY_MS } from '../../../src/core/machine/certificate-watch.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { temporaryDirectory } from '../../helpers/temporary-directory.js';
import { makeCertificate } from '../../upstream/test-servers.js';

function watchOf(wallMs = Date.now()) {
  const clock = new FakeClock(wallMs);
  const files = makeCertificate(temporaryDirectory());
  const other = makeCertificate(temporaryDirectory());
  const told: string[] = [];
  const site = { fails: false, endings: 0 };
  const watch = new CertificateWatch(files, {
    clock,
    renew: async () => {
      if (site.fails) throw new Error('the library refuses it');
      told.push('renew');
    },
    onRenewed: () => told.push('renewed'),
    onRefused: (reason) => told.push(reason),
    onEnding: () => site.endings++,
  });
  return { clock, files, other, told, site, watch };
}

it('takes half of a new pair for one that is on its way, and refuses it when it stays', async () => {
  const { files, other, told, watch } = watchOf();
  copyFileSync(other.certFile, files.certFile);
  await watch.look(false);
  expect(told).toEqual([]);
  copyFileSync(other.keyFile, files.keyFile);
  await watch.look(false);
  expect(told).toEqual(['renew', 'renewed']);
  writeFileSync(files.keyFile, 'no key');
  for (let looks = 0; looks < 3; looks++) await watch.look(false);
  expect(told).toContain('the key file holds no PEM key that can be read without a password');
  expect(told.filter((each) => each.includes('no PEM key'))).toHaveLength(1);
  expect(watch.refusal).toContain('no PEM key');
  copyFileSync(other.keyFile, files.keyFile);
  await watch.look(false);
  expect(watch.refusal).toBeUndefined();
});

it('refuses what has ended, and what the library does not take, and keeps the end of the former', async () => {
  const late = watchOf(Date.now() + 30 * 86_400_000);
  const { endsAtMs } = late.watch;
  copyFileSync(late.other.certFile, late.files.certFile);
  copyFileSync(late.other.keyFile, late.files.keyFile);
  await late.watch.look(true);
  expect(late.told).toContain('it has ended already');
  const { files, other, told, site, watch } = watchOf();
  site.fails = true;
  copyFileSync(other.certFile, files.certFile);
  copyFileSync(other.keyFile, files.keyFile);
  await watch.look(true);
  expect(told).toContain('the library refuses it');
  expect(late.watch.endsAtMs).toBe(endsAtMs);
});

it('looks by itself until it is stopped, and tells once that the end is near', async () => {
  // It lasts for two days.
  const { clock, site, watch } = watchOf();
  watch.start();
  await clock.advance(LOOK_EVERY_MS);
  await watch.look(false);
  expect(site.endings).toBe(1);
  watch.stop();
  await clock.advance(10 * LOOK_EVERY_MS);
  expect(clock.pendingTimers).toBe(0);
});
