import { describeBacklogContract } from './contract-backlog.js';
import { describeDeadLetterContract } from './contract-dead-letters.js';
import { describeJournalContract } from './contract-journal.js';
import { describeReadingContract } from './contract-reading.js';
import { createLmdbSite } from './lmdb-site.js';
import { createMemorySite } from './memory-site.js';

const IMPLEMENTATIONS = [
  ['LmdbSpool', createLmdbSite],
  // The double that other stages are tested with has to keep the same promises.
  ['MemorySpool', createMemorySite],
] as const;

for (const [name, createSite] of IMPLEMENTATIONS) {
  describeJournalContract(name, createSite);
  describeReadingContract(name, createSite);
  describeBacklogContract(name, createSite);
  describeDeadLetterContract(name, createSite);
}
