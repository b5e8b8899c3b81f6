import { Child } from '../processes/child.js';
import type { ClosedLoad, ClosedResult } from './closed-load.js';

/** Runs autocannon in a process of its own. */
export function runAutocannon(load: ClosedLoad): Promise<ClosedResult> {
  return Child.run<ClosedResult>(new URL('./autocannon-process.js', import.meta.url), 'autocannon', load);
}
