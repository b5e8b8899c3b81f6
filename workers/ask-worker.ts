import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { AskerData } from '../src/upstream/ask-messages.js';
import { AskService } from '../src/upstream/ask-service.js';

/** The entry of the asking thread. */
new AskService(parentPort as MessagePort, workerData as AskerData);
