import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { type FrontData, FrontService } from '../src/app/front-service.js';

/** The entry of a front thread. */
void FrontService.run(parentPort as MessagePort, workerData as FrontData);
