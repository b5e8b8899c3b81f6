// Loaded before the proxy, in each of its threads: notes which thread is which, and does nothing afterwards. Node 20
// gives its threads no names, and what each of them costs is what work on the hot path goes by.
import fs = require('node:fs');
import threads = require('node:worker_threads');

const file = process.env.BENCH_THREADS_FILE;
if (file !== undefined) {
  const tid = Number(fs.readlinkSync('/proc/thread-self').split('/').at(-1));
  // Those that talk with the cloud are told where it is: the one that sends, and the one that asks, which has nothing to do.
  // A front is given a part of the configuration.
  const data = threads.workerData as { url?: string; config?: object } | null;
  const role = data?.url !== undefined ? 'sender' : data?.config !== undefined ? 'front' : 'worker';
  const lines = [`${threads.isMainThread ? 'main' : role} ${tid}`];
  if (threads.isMainThread) {
    // Those that exist before any module has run are V8's; libuv starts its own with the first work for them.
    for (const name of fs.readdirSync('/proc/self/task')) if (Number(name) !== tid) lines.push(`v8 ${name}`);
  }
  fs.appendFileSync(file, `${lines.join('\n')}\n`);
}
