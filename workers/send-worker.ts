import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { SendService } from '../src/upstream/send-service.js';
import type { SenderData } from '../src/upstream/thread-messages.js';

/** The entry of the sending thread. */
new SendService(parentPort as MessagePort, workerData as SenderData);
