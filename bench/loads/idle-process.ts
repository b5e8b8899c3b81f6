import { serveParent } from '../processes/parent-link.js';
import type { Line } from './line.js';
import { type Lines, openLines } from './open-lines.js';
import { SMALL_STATE } from './state-bodies.js';
import { until } from './timetable.js';

const ANSWERS_WITHIN_MS = 30_000;

let lines: Line[] = [];

/** Lines that are open and say nothing until they are told to send one state each. Starts with how many seconds it took. */
serveParent<Lines, number>({
  async start(wanted) {
    const startMs = performance.now();
    lines = await openLines(wanted, () => {});
    return (performance.now() - startMs) / 1000;
  },
  answers: { sendOneEach },
});

/** @returns by line, how many states were acknowledged by now */
async function sendOneEach(): Promise<Uint32Array> {
  for (const line of lines) {
    line.prepare(SMALL_STATE, 1);
    line.send(1);
  }
  await until(() => lines.every(({ settled }) => settled > 0), performance.now() + ANSWERS_WITHIN_MS);
  return Uint32Array.from(lines, ({ settled, refused }) => settled - refused);
}
