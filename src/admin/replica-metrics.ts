import type { AdminSources, ReplicasView } from './admin-sources.js';
import { byLabel, type MetricRow, type Sample } from './metric-row.js';

/** Partitions that came and went; nothing where there is one proxy with a disk of its own (contract 1.8). */
export function replicaCounterRow(sources: AdminSources): MetricRow {
  return {
    name: 'stateway_partition_handovers_total',
    help: 'Partitions that came to this replica (released, expired) or left it (given_up, lost), by why.',
    labelNames: ['reason'],
    read: () => byLabel(sources.replicas()?.handovers ?? {}),
  };
}

/** What replicas share; nothing where there is one proxy with a disk of its own (contract 1.8). */
export function replicaGaugeRows(sources: AdminSources): MetricRow[] {
  const read = (of: (view: ReplicasView) => number) => (): readonly Sample[] => {
    const view = sources.replicas();
    return view === undefined ? [] : [[of(view)]];
  };
  return [
    {
      name: 'stateway_partitions',
      help: 'Partitions that this replica has (owned), is to have and does not yet (claimed), and that no replica it hears has (lost).',
      labelNames: ['state'],
      read: () => byLabel(sources.replicas()?.partitions ?? {}),
    },
    {
      name: 'stateway_nats_up',
      help: '1 while the servers of NATS answer, else 0.',
      read: read(({ isNatsUp }) => (isNatsUp ? 1 : 0)),
    },
    {
      name: 'stateway_stream_bytes',
      help: 'Bytes of the records that wait for the cloud in the stream that replicas share.',
      read: read(({ stream }) => stream.bytes),
    },
    {
      name: 'stateway_stream_max_bytes',
      help: 'Bytes of that stream from which on states are refused (STATEWAY_MAX_SPOOL_BYTES).',
      read: read(({ stream }) => stream.maxBytes),
    },
  ];
}
