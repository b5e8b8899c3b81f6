import { count, monitorUrls, natsUrls, oneOf, path } from './kinds.js';
import { row } from './option-row.js';

/** The options of several replicas (contract 1.8), in the order of the documentation. */
export const CLUSTER_OPTIONS = {
  spool: row({
    variable: 'STATEWAY_SPOOL',
    kind: oneOf(['lmdb', 'jetstream']),
    default: 'lmdb',
    meaning:
      'Where states wait: `lmdb`, on the disk of this proxy; `jetstream`, on three servers of NATS that any number of replicas share, with `STATEWAY_NATS_URL` and one `STATEWAY_SECRET_KEY` for all of them.',
  }),
  natsUrl: row({
    variable: 'STATEWAY_NATS_URL',
    kind: natsUrls,
    default: undefined,
    meaning: 'Servers of NATS, `nats://` or `tls://`, with commas between them; for `STATEWAY_SPOOL=jetstream`.',
  }),
  natsCredentialsFile: row({
    variable: 'STATEWAY_NATS_CREDENTIALS_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning: 'Log-in at the servers of NATS, as `nsc` writes it.',
  }),
  natsCaFile: row({
    variable: 'STATEWAY_NATS_CA_FILE',
    kind: path,
    default: undefined,
    isFile: true,
    meaning: 'Certificate authority of the servers of NATS, in PEM.',
  }),
  natsMonitorUrl: row({
    variable: 'STATEWAY_NATS_MONITOR_URL',
    kind: monitorUrls,
    default: undefined,
    meaning:
      'Monitoring ports of the servers of NATS, with commas between them: the start is refused unless each says that it syncs what it has before it acknowledges. Unset: the log warns that the promise rests on whoever runs them.',
  }),
  natsPartitions: row({
    variable: 'STATEWAY_NATS_PARTITIONS',
    kind: count(1, 100),
    default: '12',
    meaning:
      'Parts that the devices are divided into. Fixed when the streams are made: another number is refused later.',
  }),
  natsReplicas: row({
    variable: 'STATEWAY_NATS_REPLICAS',
    kind: count(1, 5),
    default: '3',
    meaning: 'Servers of NATS that each state is kept on; 1 for trials.',
  }),
} as const;
