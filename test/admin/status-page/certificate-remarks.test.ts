import { describe, expect, it } from 'vitest';
import { type Changes, DAY, wordsOf } from './well-plant.js';

describe('the certificate of the device side', () => {
  const certificate = (secondsLeft: number, refusal: string | null = null) =>
    ({ certificate: { endsAt: '2026-01-20T00:00:00.000Z', secondsLeft, refusal } }) as unknown as Changes;
  const told = (changes: Changes) => wordsOf(changes).slice(0, 2);

  it('is no news before the last fortnight, and then asks for a new one, at last with haste', () => {
    expect(told(certificate(14 * DAY + 1))).toEqual(['good', 'All is well.']);
    expect(told(certificate(9 * DAY))).toEqual(['watch', 'The certificate that devices see ends in 9 days.']);
    expect(told(certificate(DAY))).toEqual(['act', 'The certificate that devices see ends in 24 hours.']);
    expect(told(certificate(-3_600))).toEqual(['act', 'The certificate that devices see has ended 1 h ago.']);
  });

  it('that is new and no good is told with why', () => {
    expect(wordsOf(certificate(90 * DAY, 'certificate and key do not belong together'))).toEqual([
      'watch',
      'A new certificate for the devices is refused, and the former one stays.',
      'Why: certificate and key do not belong together.',
      '',
    ]);
  });
});

describe('the certificate of the admin side', () => {
  const certificate = (secondsLeft: number, refusal: string | null = null) =>
    ({ adminCertificate: { endsAt: '2026-01-20T00:00:00.000Z', secondsLeft, refusal } }) as unknown as Changes;

  it('is told as that of the devices, but nobody has to come for it', () => {
    expect(wordsOf(certificate(14 * DAY + 1)).slice(0, 2)).toEqual(['good', 'All is well.']);
    expect(wordsOf(certificate(DAY)).slice(0, 2)).toEqual(['watch', 'The certificate of this page ends in 24 hours.']);
    expect(wordsOf(certificate(-3_600))).toEqual([
      'watch',
      'The certificate of this page has ended 1 h ago.',
      'Browsers warn of this page, and a Prometheus that checks it reads nothing. Put a renewed one into STATEWAY_ADMIN_TLS_CERT_FILE, and its key into STATEWAY_ADMIN_TLS_KEY_FILE: it is taken without a restart.',
      '',
    ]);
    expect(wordsOf(certificate(90 * DAY, 'no PEM')).slice(0, 3)).toEqual([
      'watch',
      'A new certificate of this page is refused, and the former one stays.',
      'Why: no PEM.',
    ]);
  });
});
