import type { Remark } from './remark.js';
import type { Status } from './status-shape.js';
import { duration, roughly } from './words.js';

/** A fortnight, to have a new one made; less than two days is no time for that. */
const TELL_CERTIFICATE_SECONDS = 14 * 86_400;
const ACT_ON_CERTIFICATE_SECONDS = 2 * 86_400;

/** The certificate of the device side is about to end, or has. */
export function endingCertificate({ certificate }: Status): Remark | undefined {
  if (certificate === null || certificate.secondsLeft > TELL_CERTIFICATE_SECONDS) return undefined;
  const { secondsLeft } = certificate;
  const isOver = secondsLeft <= 0;
  return {
    level: secondsLeft < ACT_ON_CERTIFICATE_SECONDS ? 'act' : 'watch',
    sentence: isOver
      ? `The certificate that devices see has ended ${duration(-secondsLeft)} ago.`
      : `The certificate that devices see ends in ${roughly(secondsLeft)}.`,
    more: [
      isOver ? 'Devices that check it do not connect.' : 'From then on devices that check it do not connect.',
      'Put a renewed one into STATEWAY_TLS_CERT_FILE, and its key into STATEWAY_TLS_KEY_FILE: it is taken without a restart.',
    ],
  };
}

/** A new one was not taken. */
export function refusedCertificate({ certificate }: Status): Remark | undefined {
  if (certificate === null || certificate.refusal === null) return undefined;
  return {
    level: 'watch',
    sentence: 'A new certificate for the devices is refused, and the former one stays.',
    more: [`Why: ${certificate.refusal}.`],
  };
}
