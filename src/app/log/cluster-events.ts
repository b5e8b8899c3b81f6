/** Events of several replicas, for the one table of them (`events.ts`). */
export const CLUSTER_EVENTS = {
  'nats-lost': {
    level: 'warn',
    meaning: 'The connection to a server of NATS (`server`) broke. It is made again, to any of them.',
  },
  'nats-back': { level: 'info', meaning: 'Connected to `server` of NATS again.' },
  'nats-sync-unknown': {
    level: 'warn',
    meaning: 'Nothing tells whether the servers of NATS have on disk what they acknowledge.',
    remedy: 'Set `STATEWAY_NATS_MONITOR_URL`.',
  },
  partition: {
    level: 'info',
    meaning:
      "A `partition` of the devices is this replica's (`isOwned`), or another's, and why (`reason`): its owner before had `released` it or its lease had `expired`; it was `given up`, or `lost` to another.",
  },
} as const;
