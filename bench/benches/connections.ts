import { expecting } from '../account.js';
import { Site } from '../site.js';
import type { Bench } from './bench-run.js';
import { memoryFigures, openIdle } from './idle.js';

const SOCKETS = 10_000;
const SCENARIO = `${SOCKETS} sockets`;

export const connections: Bench = {
  name: 'connections',
  title: '10,000 idle sockets, each of a device with its own token; then each sends one state',
  async measure(run) {
    const devices = run.scaled(SOCKETS);
    for (let round = 1; round <= run.context.runs; round++) {
      run.say(`${devices} sockets, run ${round} of ${run.context.runs}`);
      // Each run has a proxy of its own: memory that was needed once is not given back.
      const site = await run.site();
      for (const subject of [site, ...(await run.peers(['bare']))]) {
        run.recorder.addAll('no socket', subject.name, memoryFigures(subject));
        const { child, openSeconds } = await openIdle({ protocol: 'websocket', port: subject.port, devices });
        const figures = { ...memoryFigures(subject), 'time to connect all': openSeconds };
        run.recorder.addAll(SCENARIO, subject.name, figures);
        if (subject instanceof Site) {
          const { result } = await subject.measured(undefined, async () => {
            const acknowledged = await child.ask<Uint32Array>('sendOneEach');
            return expecting(acknowledged, new Uint32Array(acknowledged.length).fill(1));
          });
          if (result.acknowledgedTotal < devices) run.note(`${SCENARIO}: some requests had no answer`);
        }
        await child.stop();
      }
      await run.close();
    }
  },
};
