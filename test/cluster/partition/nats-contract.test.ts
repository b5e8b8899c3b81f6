import { describe } from 'vitest';
import { whyNoNats } from '../../helpers/nats-servers.js';
import { sharedByTests } from '../../helpers/test-scope.js';
import { describeBacklogContract } from '../../spool/contract-backlog.js';
import { describeDeadLetterContract } from '../../spool/contract-dead-letters.js';
import { describeJournalContract } from '../../spool/contract-journal.js';
import { describeReadingContract } from '../../spool/contract-reading.js';
import { SharedStreams } from '../nats-streams.js';
import { createPartitionSite } from './partition-site.js';

describe.skipIf(whyNoNats() !== undefined)('on NATS', () => {
  for (const count of [1, 3] as const) {
    describe(`servers: ${count}`, () => {
      const shared = sharedByTests(() => SharedStreams.start(count));
      const createSite = (clock: Parameters<typeof createPartitionSite>[0]) =>
        createPartitionSite(clock, shared().takePartition());
      const name = `a partition on servers: ${count}`;
      describeJournalContract(name, createSite);
      describeReadingContract(name, createSite);
      describeBacklogContract(name, createSite);
      describeDeadLetterContract(name, createSite);
    });
  }
});
