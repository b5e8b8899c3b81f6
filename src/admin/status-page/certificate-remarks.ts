import type { Remark } from './remark.js';
import type { CertificateFacts, Status } from './status-shape.js';
import { duration, roughly } from './words.js';

/** A fortnight, to have a new one made; less than two days is no time for that. */
const TELL_CERTIFICATE_SECONDS = 14 * 86_400;
const ACT_ON_CERTIFICATE_SECONDS = 2 * 86_400;

interface Side {
  readonly whose: string;
  readonly whoLeaves: string;
  readonly variables: string;
  /** Whether states stay away when it has ended. */
  readonly isUrgent: boolean;
}

const DEVICE_SIDE: Side = {
  whose: 'that devices see',
  whoLeaves: 'devices that check it do not connect',
  variables: 'STATEWAY_TLS_CERT_FILE, and its key into STATEWAY_TLS_KEY_FILE',
  isUrgent: true,
};
const ADMIN_SIDE: Side = {
  whose: 'of this page',
  whoLeaves: 'browsers warn of this page, and a Prometheus that checks it reads nothing',
  variables: 'STATEWAY_ADMIN_TLS_CERT_FILE, and its key into STATEWAY_ADMIN_TLS_KEY_FILE',
  isUrgent: false,
};

/** A certificate is about to end, or has; that of the device side first. */
export function endingCertificate({ certificate, adminCertificate }: Status): Remark | undefined {
  return ending(certificate, DEVICE_SIDE) ?? ending(adminCertificate, ADMIN_SIDE);
}

/** A new one was not taken. */
export function refusedCertificate({ certificate, adminCertificate }: Status): Remark | undefined {
  return refused(certificate, DEVICE_SIDE) ?? refused(adminCertificate, ADMIN_SIDE);
}

function ending(certificate: CertificateFacts | null, side: Side): Remark | undefined {
  if (certificate === null || certificate.secondsLeft > TELL_CERTIFICATE_SECONDS) return undefined;
  const { secondsLeft } = certificate;
  const isOver = secondsLeft <= 0;
  const { whose, whoLeaves, variables, isUrgent } = side;
  return {
    level: isUrgent && secondsLeft < ACT_ON_CERTIFICATE_SECONDS ? 'act' : 'watch',
    sentence: isOver
      ? `The certificate ${whose} has ended ${duration(-secondsLeft)} ago.`
      : `The certificate ${whose} ends in ${roughly(secondsLeft)}.`,
    more: [
      isOver ? `${upperFirst(whoLeaves)}.` : `From then on ${whoLeaves}.`,
      `Put a renewed one into ${variables}: it is taken without a restart.`,
    ],
    runbook: 'statewaycertificateending',
  };
}

function refused(certificate: CertificateFacts | null, { whose }: Side): Remark | undefined {
  if (certificate === null || certificate.refusal === null) return undefined;
  const what = whose === DEVICE_SIDE.whose ? 'for the devices' : whose;
  return {
    level: 'watch',
    sentence: `A new certificate ${what} is refused, and the former one stays.`,
    more: [`Why: ${certificate.refusal}.`],
    runbook: 'statewaycertificateending',
  };
}

function upperFirst(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
