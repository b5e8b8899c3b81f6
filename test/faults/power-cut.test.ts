import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { PowerCutDisk } from '../helpers/fault-disk.js';
import { inForm, measured, notHere } from '../helpers/fault-form.js';
import { FaultSite, LIVELY } from '../helpers/fault-site.js';

const DEVICES = 8;
const CUTS = inForm({ short: 4, long: 100 });
const LONGEST_ROUND_MS = 400;
const DRAIN_WITHIN_MS = 60_000;
const TIMEOUT_MS = inForm({ short: 180_000, long: 600_000 });

test(
  `what was acknowledged is on the disk when the power goes, ${CUTS} times`,
  async ({ onTestFinished, skip }) => {
    const disk = PowerCutDisk.mount(onTestFinished);
    if (typeof disk === 'string') return skip(notHere('power cuts', disk));
    const dataDir = () => `${disk.directory}/data`;
    const site = await FaultSite.open(onTestFinished, { devices: DEVICES, ...LIVELY, dataDir: dataDir() });
    site.cloud.setFaults([{ kind: 'delay', delayMs: 15, route: 'state' }]);
    site.startLoad();
    for (let cut = 0; cut < CUTS; cut++) {
      await site.untilAcknowledged(1);
      await pause(Math.random() * LONGEST_ROUND_MS);
      await site.disturb('kill', async () => {
        // No further answer leaves; those that have left are read by the devices before the disk is looked at.
        site.proxy.process.kill('SIGSTOP');
        await pause(20);
        disk.cut();
        await site.proxy.kill();
      });
      disk.restore();
      await site.start(dataDir());
    }
    await site.untilAcknowledged(1);
    await site.stopLoad();
    await site.knock();
    await site.untilDelivered(DRAIN_WITHIN_MS);

    const { lost, findings, acknowledged, doubled } = site.verdict();
    measured('power cuts under load', { cuts: CUTS, acknowledged, doubled });
    expect({ lost, findings }).toEqual({ lost: [], findings: [] });
  },
  TIMEOUT_MS,
);
