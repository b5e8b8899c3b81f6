import type { Clock } from '../time/clock.js';
import { Distribution, type Exemplar, Meters } from './meters.js';
import { safeTrace, type TraceIds } from './trace-ids.js';

/** Of all names and values of an exemplar's labels together (OpenMetrics 1.0, "Exemplars"). */
const MAX_LABEL_CHARACTERS = 128;

/** A distribution that keeps, of each bucket, the last observation that can be looked up. */
export class TracedDistribution extends Distribution {
  readonly #exemplars: (Exemplar | undefined)[];
  readonly #clock: Pick<Clock, 'wallMs'>;

  constructor(bounds: readonly number[], clock: Pick<Clock, 'wallMs'>) {
    super(bounds);
    this.#exemplars = this.bounds.map(() => undefined);
    this.#exemplars.push(undefined);
    this.#clock = clock;
  }

  override get exemplars(): readonly (Exemplar | undefined)[] {
    return this.#exemplars;
  }

  override observe(value: number, times = 1, trace?: TraceIds): void {
    super.observe(value, times);
    const labels = trace === undefined ? undefined : labelsOf(trace);
    if (labels !== undefined) this.addExemplar({ labels, value, atMs: this.#clock.wallMs() });
  }

  override addExemplar(exemplar: Exemplar): void {
    this.#exemplars[this.bucketOf(exemplar.value)] = exemplar;
  }
}

/** What it is found by: its trace, where one is kept, else the id of the request; undefined of neither. */
function labelsOf(trace: TraceIds): Exemplar['labels'] | undefined {
  const { traceparent = '', requestId = '' } = safeTrace(trace);
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  const isSampled = (Number.parseInt(flags, 16) & 1) === 1;
  if (isSampled && /[1-9a-f]/.test(traceId)) return { trace_id: traceId, span_id: spanId };
  const isShort = requestId.length <= MAX_LABEL_CHARACTERS - 'request_id'.length;
  return requestId !== '' && isShort ? { request_id: requestId } : undefined;
}

/** What counts for the metrics; with exemplars where these are wanted. */
export function createMeters(
  { exemplars }: { readonly exemplars: 'on' | 'off' },
  clock: Pick<Clock, 'wallMs'>,
): Meters {
  return new Meters(exemplars === 'on' ? (bounds) => new TracedDistribution(bounds, clock) : undefined);
}
