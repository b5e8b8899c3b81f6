import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/admin/metrics.js';
import { prefersOpenMetrics } from '../../src/admin/open-metrics.js';
import { notHere } from '../helpers/fault-form.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';
import { parseExposition } from './exposition.js';
import { FakeSources } from './fake-sources.js';

/** What Prometheus 2 and 3 say that they take. */
const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const OPEN = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const TRACE = { traceparent: `00-${'4b'.repeat(16)}-${'0f'.repeat(8)}-01`, requestId: '' };
const EXEMPLAR = / # \{[^}]*\} \S+ \S+$/;

describe('OpenMetrics is asked for', () => {
  it.each([PROMETHEUS_2, PROMETHEUS_3, 'Application/OpenMetrics-Text', 'application/openmetrics-text; q=0.1'])(
    'by %s',
    (accept) => {
      expect(prefersOpenMetrics(accept)).toBe(true);
    },
  );

  it.each([
    '',
    '*/*',
    'text/plain',
    'text/html,application/xhtml+xml,*/*;q=0.8',
    'application/openmetrics-text;version=0.0.1',
    'application/openmetrics-text;q=0',
    'application/openmetrics-text;q=x',
    'application/openmetrics-text;q=0.4,text/plain;q=0.5',
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3',
  ])('but not by %j', (accept) => {
    expect(prefersOpenMetrics(accept)).toBe(false);
  });
});

/** With a request that is found by its trace, and some figures. */
function tracedSources(showsExemplars = true): FakeSources {
  const sources = new FakeSources({ showsExemplars });
  sources.meters.forwarded = 7;
  sources.meters.received.http.accepted = 3;
  sources.meters.ackSeconds.observe(0.003);
  sources.meters.ackSeconds.observe(0.7, 1, TRACE);
  sources.meters.upstreamSeconds.observe(60, 1, { traceparent: '', requestId: 'a"b' });
  sources.meters.upstreamSeconds.observe(61, 1, { traceparent: '', requestId: 'r-7' });
  return sources;
}

describe('a scrape', () => {
  it('is answered in OpenMetrics where that is on and asked for, with exemplars', async () => {
    const sources = tracedSources();
    const { contentType, body } = await createMetrics(sources).render(PROMETHEUS_3);
    expect(contentType).toBe(OPEN);
    const lines = body.split('\n');
    const at = sources.clock.wallMs() / 1_000;
    expect(lines).toContain(
      `stateway_ack_duration_seconds_bucket{le="1.0"} 2 # {trace_id="${'4b'.repeat(16)}",span_id="${'0f'.repeat(8)}"} 0.7 ${at}`,
    );
    expect(lines).toContain('stateway_ack_duration_seconds_bucket{le="0.5"} 1');
    expect(lines).toContain(
      `stateway_upstream_request_duration_seconds_bucket{le="+Inf"} 2 # {request_id="r-7"} 61 ${at}`,
    );
    expect(lines.filter((line) => EXEMPLAR.test(line))).toHaveLength(2);
    expect(lines).toContain('# TYPE stateway_states_forwarded counter');
    expect(lines).toContain('stateway_states_forwarded_total 7');
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
    // In a text of OpenMetrics they would have to be escaped.
    expect(lines.filter((line) => line.startsWith('# HELP') && line.includes('"'))).toEqual([]);
  });

  it('is answered in the text of Prometheus where it is off, or something else is asked for', async () => {
    const off = createMetrics(tracedSources(false));
    const on = createMetrics(tracedSources());
    const texts = [
      await off.render(PROMETHEUS_2),
      await off.render(),
      await on.render(),
      await on.render('text/plain'),
    ];
    const formOf = (body: string) => body.replace(/ \S+$/gm, '');
    for (const { contentType, body } of texts) {
      expect(contentType).toBe(TEXT);
      expect(body).not.toMatch(/ # \{|# EOF/);
      expect(body).toContain('stateway_ack_duration_seconds_bucket{le="1"} 2\n');
      expect(formOf(body)).toBe(formOf(texts[0]?.body ?? ''));
    }
  });

  it('has the same names and values in both, whichever was asked for before', async () => {
    const metrics = createMetrics(tracedSources());
    const textOf = async (accept?: string) => (await metrics.render(accept)).body;
    await textOf(PROMETHEUS_2);
    const text = parseExposition(await textOf());
    const open = parseExposition(inTextOfPrometheus(await textOf(PROMETHEUS_2)));
    const own = (exposed: typeof text) => [...exposed].filter(([name]) => name.startsWith('stateway_'));
    expect(own(open)).toEqual(own(text));
    expect([...open.keys()]).toEqual([...text.keys()]);
    expect(text.get('stateway_states_forwarded_total')?.values.get('')).toBe(7);
  });

  it('is what Prometheus reads as OpenMetrics, with each series under its own name', async ({ skip }) => {
    const reason = whyNoPromtool();
    if (reason !== undefined) return skip(notHere('the check of OpenMetrics', reason));
    const { body } = await createMetrics(tracedSources()).render(PROMETHEUS_2);
    const series = seriesReadOf(body);
    const named = body.split('\n').filter((line) => line.startsWith('stateway_'));
    expect(named.length).toBeGreaterThan(100);
    expect(series.filter((line) => line.includes('stateway_'))).toHaveLength(named.length);
    expect(series).toContainEqual(expect.stringContaining('stateway_states_forwarded_total'));
    expect(() => seriesReadOf(body.replace('# EOF\n', ''))).toThrow('EOF');
    expect(() => seriesReadOf(body.replace('# {trace_id=', '# {trace id='))).toThrow();
  });
});

/** The same as it would stand in Prometheus' own text. */
function inTextOfPrometheus(body: string): string {
  return body
    .replace(/^# TYPE (\S+) counter$/gm, '# TYPE $1_total counter')
    .replace(/ # \{.*$/gm, '')
    .replace(/le="(\d+)\.0"/g, 'le="$1"')
    .replace('# EOF\n', '');
}

function whyNoPromtool(): string | undefined {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch (error) {
    return `promtool cannot be run (${(error as NodeJS.ErrnoException).code}); it is in Debian's package prometheus`;
  }
}

/** What Prometheus' parser takes of it: one line for each series. promtool wants a time beside each value. */
function seriesReadOf(body: string): string[] {
  const cwd = temporaryDirectory();
  const timed = body.replace(/^([^#\n]\S*(?:\{.*?\})? \S+)( # |$)/gm, '$1 1700000000$2');
  writeFileSync(join(cwd, 'figures'), timed);
  const run = (...args: string[]) =>
    execFileSync('promtool', ['tsdb', ...args], { cwd, encoding: 'utf8', stdio: 'pipe' });
  run('create-blocks-from', 'openmetrics', 'figures', 'blocks');
  // Without it a folder of blocks is none of a database.
  mkdirSync(join(cwd, 'blocks/wal'));
  return run('dump', 'blocks').trim().split('\n');
}
