// A front thread that does what the test says: listens, or not; and dies when it is told.
import { parentPort, workerData } from 'node:worker_threads';

if (workerData.fails) {
  parentPort.postMessage([{ kind: 'failed', reason: 'no such address' }]);
  process.exit(1);
}
parentPort.on('message', (items) => {
  for (const item of items) {
    if (item.kind === 'follow') throw new Error(item.deviceIds[0]);
    if (item.kind === 'barrier') parentPort.postMessage([{ kind: 'answered', id: item.id }]);
    if (item.kind === 'renew') parentPort.postMessage([{ kind: 'renewed', id: item.id, reason: workerData.refusal }]);
    if (item.kind === 'close') process.exit(0);
  }
});
parentPort.postMessage([{ kind: 'listening' }]);
