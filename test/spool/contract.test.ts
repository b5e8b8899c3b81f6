import { MemoryDisk, MemorySpool } from '../helpers/memory-spool.js';
import { describeSpoolContract } from './contract.js';
import { createLmdbSite } from './lmdb-site.js';

describeSpoolContract('LmdbSpool', createLmdbSite);

// The double that other stages are tested with has to keep the same promises.
describeSpoolContract('MemorySpool', (clock) => {
  const disk = new MemoryDisk();
  return { open: () => new MemorySpool(clock, disk), remove: () => {} };
});
