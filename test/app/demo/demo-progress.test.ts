import { describe, expect, it, onTestFinished } from 'vitest';
import { ProgressLine } from '../../../src/app/demo/demo-progress.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const HALF = { sent: 50, acknowledged: 48, arrived: 40, posts: 7, throttled: 0 };

function lineOn(stream: object) {
  const clock = new FakeClock();
  const written: string[] = [];
  const line = new ProgressLine(
    100,
    { write: (text: string) => written.push(text), ...stream } as unknown as NodeJS.WriteStream,
    clock,
  );
  onTestFinished(() => line.stop());
  return { clock, line, written };
}

describe('the progress of a demo', () => {
  it('is a line for each step, and one every two seconds while a step takes long', async () => {
    const { clock, line, written } = lineOn({ isTTY: false });
    line.begins('starting the proxy');
    await clock.advance(3_000);
    line.update(HALF);
    line.begins('the devices report');
    await clock.advance(3_000);
    const nothing = 'sent 0, acknowledged 0, in the cloud 0, POSTs 0, 429s 0';
    const half = 'sent 50, acknowledged 48, in the cloud 40, POSTs 7, 429s 0';
    expect(written).toEqual([
      `0 s, starting the proxy: ${nothing}\n`,
      `2 s, starting the proxy: ${nothing}\n`,
      `3 s, the devices report: ${half}\n`,
      `4 s, the devices report: ${half}\n`,
      `6 s, the devices report: ${half}\n`,
    ]);
  });

  it('is a bar with the step and the time on a terminal, which go on by themselves', async () => {
    const { clock, line, written } = lineOn({ isTTY: true, columns: 200 });
    line.begins('waiting until the cloud has it all');
    line.update(HALF);
    // The bar draws at its own pace, by the clock of the machine, and always at its end.
    await clock.advance(7_000);
    line.stop();
    expect(written.join('')).toContain(' 7 s, waiting until the cloud has it all   sent 50   acknowledged 48');
  });

  it('leaves no timer when it is stopped', () => {
    const { clock, line } = lineOn({ isTTY: false });
    expect(clock.pendingTimers).toBe(1);
    line.stop();
    expect(clock.pendingTimers).toBe(0);
  });
});
