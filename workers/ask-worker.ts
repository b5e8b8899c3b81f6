import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { AskService } from '../src/upstream/ask-service.js';
import type { AskerData } from '../src/upstream/thread-messages.js';

/** The entry of the asking thread. */
new AskService(parentPort as MessagePort, workerData as AskerData);
