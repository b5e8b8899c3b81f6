import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { SenderData } from '../src/upstream/send-messages.js';
import { SendService } from '../src/upstream/send-service.js';

/** The entry of the sending thread. */
new SendService(parentPort as MessagePort, workerData as SenderData);
