import { describeBacklogContract } from '../../spool/contract-backlog.js';
import { describeDeadLetterContract } from '../../spool/contract-dead-letters.js';
import { describeJournalContract } from '../../spool/contract-journal.js';
import { describeReadingContract } from '../../spool/contract-reading.js';
import { createPartitionSite } from './partition-site.js';

const NAME = 'a partition over streams in memory';

describeJournalContract(NAME, createPartitionSite);
describeReadingContract(NAME, createPartitionSite);
describeBacklogContract(NAME, createPartitionSite);
describeDeadLetterContract(NAME, createPartitionSite);
