import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../src/admin/metrics.js';
import { StatewayError } from '../../src/core/errors.js';
import { parseExposition } from './exposition.js';
import { FakeSources } from './fake-sources.js';

/** contract 1.7. */
const CONTRACT: Readonly<Record<string, string>> = {
  stateway_states_received_total: 'counter',
  stateway_states_unavailable_total: 'counter',
  stateway_states_forwarded_total: 'counter',
  stateway_ack_duration_seconds: 'histogram',
  stateway_upstream_requests_total: 'counter',
  stateway_passed_calls_total: 'counter',
  stateway_upstream_request_duration_seconds: 'histogram',
  stateway_upstream_batch_states: 'histogram',
  stateway_commit_duration_seconds: 'histogram',
  stateway_spool_bytes: 'gauge',
  stateway_spool_max_bytes: 'gauge',
  stateway_disk_free_bytes: 'gauge',
  stateway_unreadable_records: 'gauge',
  stateway_spool_states: 'gauge',
  stateway_spool_oldest_seconds: 'gauge',
  stateway_dead_letters: 'gauge',
  stateway_dead_letter_bytes: 'gauge',
  stateway_dead_letter_max_bytes: 'gauge',
  stateway_dead_letters_dropped_total: 'counter',
  stateway_memory_bytes: 'gauge',
  stateway_memory_limit_bytes: 'gauge',
  stateway_known_devices: 'gauge',
  stateway_max_devices: 'gauge',
  stateway_new_devices_refused: 'gauge',
  stateway_lanes: 'gauge',
  stateway_devices: 'gauge',
  stateway_nothing_delivered: 'gauge',
  stateway_token_cache_total: 'counter',
  stateway_connections: 'gauge',
  stateway_worker_queue_depth: 'gauge',
  stateway_refusals_total: 'counter',
  stateway_tls_cert_expiry_seconds: 'gauge',
  stateway_upstream_failures_total: 'counter',
  stateway_upstream_up: 'gauge',
  stateway_states_out_of_window_total: 'counter',
  stateway_mqtt_connects_total: 'counter',
  stateway_mqtt_closes_total: 'counter',
  stateway_mqtt_publishes_total: 'counter',
  stateway_mqtt_wills_ignored_total: 'counter',
  stateway_mqtt_filters_denied_total: 'counter',
  stateway_commands_total: 'counter',
  stateway_uplink_connects_total: 'counter',
  stateway_uplink_sessions: 'gauge',
  stateway_partitions: 'gauge',
  stateway_partition_handovers_total: 'counter',
  stateway_nats_up: 'gauge',
  stateway_nats_publish_duration_seconds: 'histogram',
  stateway_stream_bytes: 'gauge',
  stateway_stream_max_bytes: 'gauge',
  stateway_attributes_left_out_total: 'counter',
  stateway_log_dropped_total: 'counter',
  stateway_build_info: 'gauge',
};

async function scrape(sources: FakeSources) {
  return parseExposition((await createMetrics(sources).render()).body);
}

describe('the metrics', () => {
  it('are those of the contract, beside the defaults of the process and the event loop', async () => {
    const metrics = await scrape(new FakeSources());
    const own = [...metrics].filter(([name]) => name.startsWith('stateway_')).map(([name, { type }]) => [name, type]);
    expect(Object.fromEntries(own)).toEqual(CONTRACT);
    expect([...metrics.keys()]).toEqual(
      expect.arrayContaining([
        'process_cpu_seconds_total',
        'process_resident_memory_bytes',
        'nodejs_eventloop_lag_seconds',
      ]),
    );
  });

  it('show what the stages have counted', async () => {
    const sources = new FakeSources();
    const { meters } = sources;
    meters.refuse('mqtts', new StatewayError('STATEWAY_OVERLOADED', 'too much'));
    meters.refuse('mqtts', new StatewayError('STATEWAY_MALFORMED_BODY', 'not JSON'));
    meters.received.http.accepted = 1;
    meters.received.http.refused = 2;
    meters.received.http.unavailable = 3;
    meters.received.websocket.accepted = 4;
    meters.received.websocket.refused = 5;
    meters.received.websocket.unavailable = 6;
    meters.received.mqtt.accepted = 15;
    meters.received.mqtts.refused += 15;
    meters.received['mqtt-ws'].unavailable = 17;
    meters.mqtt.connects.accepted = 18;
    meters.mqtt.closes.keepalive = 19;
    meters.mqtt.publishes.dead_letter = 20;
    meters.mqtt.ignoredWills = 21;
    meters.mqtt.deniedFilters = 25;
    meters.mqtt.commands.slow = 23;
    meters.mqtt.uplinkConnects.credentials = 24;
    meters.leftOut = 22;
    meters.forwarded = 7;
    meters.outOfWindow = 8;
    Object.assign(meters.tokenCache, { hit: 9, miss: 10, negative: 11, offline: 0 });
    meters.upstreamRequests.set('200', 12).set('error', 13);
    meters.passedCalls.set('404', 14);
    const metrics = await scrape(sources);
    const valuesOf = (name: string) => Object.fromEntries(metrics.get(name)?.values ?? []);
    expect(valuesOf('stateway_states_received_total')).toEqual({
      '{transport="http",result="accepted"}': 1,
      '{transport="http",result="refused"}': 2,
      '{transport="http",result="unavailable"}': 3,
      '{transport="websocket",result="accepted"}': 4,
      '{transport="websocket",result="refused"}': 5,
      '{transport="websocket",result="unavailable"}': 6,
      '{transport="mqtt",result="accepted"}': 15,
      '{transport="mqtt",result="refused"}': 0,
      '{transport="mqtt",result="unavailable"}': 0,
      '{transport="mqtts",result="accepted"}': 0,
      '{transport="mqtts",result="refused"}': 16,
      '{transport="mqtts",result="unavailable"}': 1,
      '{transport="mqtt-ws",result="accepted"}': 0,
      '{transport="mqtt-ws",result="refused"}': 0,
      '{transport="mqtt-ws",result="unavailable"}': 17,
    });
    const unavailable = valuesOf('stateway_states_unavailable_total');
    expect(unavailable).toMatchObject({ '{code="STATEWAY_OVERLOADED"}': 1, '{code="STATEWAY_SPOOL_FULL"}': 0 });
    expect(unavailable).not.toHaveProperty('{code="STATEWAY_MALFORMED_BODY"}');
    expect(valuesOf('stateway_mqtt_connects_total')).toMatchObject({ '{result="accepted"}': 18, '{result="full"}': 0 });
    expect(valuesOf('stateway_mqtt_closes_total')).toMatchObject({ '{reason="keepalive"}': 19, '{reason="slow"}': 0 });
    expect(valuesOf('stateway_mqtt_publishes_total')).toMatchObject({ '{result="dead_letter"}': 20 });
    expect(valuesOf('stateway_mqtt_wills_ignored_total')).toEqual({ '': 21 });
    expect(valuesOf('stateway_mqtt_filters_denied_total')).toEqual({ '': 25 });
    expect(valuesOf('stateway_commands_total')).toEqual({ '{result="delivered"}': 0, '{result="slow"}': 23 });
    expect(valuesOf('stateway_uplink_connects_total')).toMatchObject({ '{result="credentials"}': 24 });
    expect(valuesOf('stateway_attributes_left_out_total')).toEqual({ '': 22 });
    expect(valuesOf('stateway_states_forwarded_total')).toEqual({ '': 7 });
    expect(valuesOf('stateway_states_out_of_window_total')).toEqual({ '': 8 });
    expect(valuesOf('stateway_token_cache_total')).toEqual({
      '{result="hit"}': 9,
      '{result="miss"}': 10,
      '{result="negative"}': 11,
      '{result="offline"}': 0,
    });
    expect(valuesOf('stateway_passed_calls_total')).toEqual({ '{code="404"}': 14 });
    expect(valuesOf('stateway_upstream_requests_total')).toEqual({ '{code="200"}': 12, '{code="error"}': 13 });
  });

  it('show how things stand now', async () => {
    const metrics = await scrape(new FakeSources());
    const valuesOf = (name: string) => Object.fromEntries(metrics.get(name)?.values ?? []);
    expect(valuesOf('stateway_spool_bytes')).toEqual({ '': 4_096 });
    expect(valuesOf('stateway_spool_max_bytes')).toEqual({ '': 65_536 });
    expect(valuesOf('stateway_dead_letter_bytes')).toEqual({ '': 8_192 });
    expect(valuesOf('stateway_dead_letter_max_bytes')).toEqual({ '': 131_072 });
    expect(valuesOf('stateway_dead_letters_dropped_total')).toEqual({ '': 6 });
    expect(valuesOf('stateway_spool_states')).toEqual({ '': 17 });
    expect(valuesOf('stateway_disk_free_bytes')).toEqual({ '': 1_048_576 });
    expect(valuesOf('stateway_unreadable_records')).toEqual({ '': 3 });
    expect(valuesOf('stateway_spool_oldest_seconds')).toEqual({ '': 2.5 });
    expect(valuesOf('stateway_lanes')).toEqual({
      '{state="idle"}': 11,
      '{state="pacing"}': 12,
      '{state="backoff"}': 13,
      '{state="parked"}': 14,
    });
    expect(valuesOf('stateway_devices')).toEqual({
      '{trouble="wrong_clock"}': 47,
      '{trouble="parked"}': 42,
      '{trouble="throttled"}': 43,
      '{trouble="failing"}': 44,
      '{trouble="refused"}': 46,
      '{trouble="silent"}': 45,
    });
    expect(valuesOf('stateway_nothing_delivered')).toEqual({ '': 1 });
    expect(valuesOf('stateway_connections')).toEqual({
      '{transport="http"}': 21,
      '{transport="websocket"}': 22,
      '{transport="mqtt"}': 23,
      '{transport="mqtts"}': 24,
      '{transport="mqtt-ws"}': 25,
    });
    expect(valuesOf('stateway_uplink_sessions')).toEqual({
      '{state="connected"}': 26,
      '{state="waiting"}': 27,
      '{state="backoff"}': 28,
      '{state="refused"}': 29,
    });
    expect(valuesOf('stateway_partitions')).toEqual({
      '{state="owned"}': 81,
      '{state="claimed"}': 82,
      '{state="lost"}': 83,
    });
    expect(valuesOf('stateway_partition_handovers_total')).toEqual({
      '{reason="released"}': 84,
      '{reason="expired"}': 85,
      '{reason="given_up"}': 86,
      '{reason="lost"}': 87,
    });
    expect(valuesOf('stateway_nats_up')).toEqual({ '': 1 });
    expect(valuesOf('stateway_stream_bytes')).toEqual({ '': 88 });
    expect(valuesOf('stateway_stream_max_bytes')).toEqual({ '': 89 });
    expect(valuesOf('stateway_memory_bytes')).toEqual({ '{of="process"}': 52, '{of="heap"}': 53 });
    expect(valuesOf('stateway_memory_limit_bytes')).toEqual({ '{of="process"}': 50, '{of="heap"}': 51 });
    expect(valuesOf('stateway_known_devices')).toEqual({ '': 54 });
    expect(valuesOf('stateway_max_devices')).toEqual({ '': 55 });
    expect(valuesOf('stateway_new_devices_refused')).toEqual({ '': 1 });
    expect(valuesOf('stateway_worker_queue_depth')).toEqual({ '': 31 });
    expect(valuesOf('stateway_upstream_up')).toEqual({ '': 1 });
    expect(valuesOf('stateway_build_info')).toEqual({
      '{version="1.2.3",node="v20.19.0",uws="uws-current 20.57.0",name="gateway7"}': 1,
    });
  });

  it('are read anew at each scrape, and counters are not added up', async () => {
    const sources = new FakeSources();
    const metrics = createMetrics(sources);
    sources.meters.forwarded = 5;
    sources.meters.upstreamRequests.set('429', 1);
    await metrics.render();
    sources.meters.forwarded = 6;
    sources.isCloudUp = false;
    sources.isNatsUp = false;
    sources.oldestStoredAtMs = undefined;
    const second = parseExposition((await metrics.render()).body);
    expect(second.get('stateway_states_forwarded_total')?.values.get('')).toBe(6);
    expect(second.get('stateway_upstream_requests_total')?.values.get('{code="429"}')).toBe(1);
    expect(second.get('stateway_upstream_up')?.values.get('')).toBe(0);
    expect(second.get('stateway_nats_up')?.values.get('')).toBe(0);
    expect(second.get('stateway_spool_oldest_seconds')?.values.get('')).toBe(0);
  });

  it('say nothing of a disk that tells nothing', async () => {
    const sources = new FakeSources();
    sources.freeDiskBytes = undefined;
    expect((await scrape(sources)).get('stateway_disk_free_bytes')?.values.size).toBe(0);
  });

  it('say nothing of NATS and partitions where there is one proxy with a disk', async () => {
    const sources = new FakeSources();
    sources.isReplicated = false;
    const metrics = await scrape(sources);
    const ofReplicas = Object.keys(CONTRACT).filter((name) => /_(partition|nats|stream)/.test(name));
    expect(ofReplicas).toHaveLength(6);
    expect(ofReplicas.filter((name) => (metrics.get(name)?.values.size ?? 0) > 0)).toEqual([]);
  });

  it('say nothing of a certificate where there is none, and nothing more of one that was', async () => {
    const sources = new FakeSources();
    const metrics = createMetrics(sources);
    const shown = async () =>
      parseExposition((await metrics.render()).body).get('stateway_tls_cert_expiry_seconds')?.values;
    expect([...((await shown()) ?? [])]).toEqual([
      ['{side="device"}', 90 * 86_400 - 90],
      ['{side="admin"}', 80 * 86_400 - 90],
    ]);
    sources.isTls = false;
    expect((await shown())?.size).toBe(0);
  });

  it('keep registries apart, so that two proxies may live in one process', () => {
    createMetrics(new FakeSources());
    expect(() => createMetrics(new FakeSources())).not.toThrow();
  });
});

describe('a distribution', () => {
  it('is shown as a histogram with cumulative buckets', async () => {
    const sources = new FakeSources();
    sources.meters.ackSeconds.observe(0.001);
    sources.meters.ackSeconds.observe(0.003, 4);
    sources.meters.ackSeconds.observe(60);
    const values = (await scrape(sources)).get('stateway_ack_duration_seconds')?.values;
    expect(values?.get('_bucket{le="0.001"}')).toBe(1);
    expect(values?.get('_bucket{le="0.002"}')).toBe(1);
    expect(values?.get('_bucket{le="0.005"}')).toBe(5);
    expect(values?.get('_bucket{le="10"}')).toBe(5);
    expect(values?.get('_bucket{le="+Inf"}')).toBe(6);
    expect(values?.get('_count')).toBe(6);
    expect(values?.get('_sum')).toBeCloseTo(60.013, 9);
    expect(values?.size).toBe(sources.meters.ackSeconds.bounds.length + 3);
  });

  it('stands under the name of what it measures', async () => {
    const sources = new FakeSources();
    sources.meters.upstreamSeconds.observe(0.2, 2);
    sources.meters.upstreamBatchStates.observe(100, 3);
    sources.commits.observe(0.003, 5);
    sources.publishes.observe(0.004, 6);
    const metrics = await scrape(sources);
    expect(metrics.get('stateway_upstream_request_duration_seconds')?.values.get('_count')).toBe(2);
    expect(metrics.get('stateway_commit_duration_seconds')?.values.get('_count')).toBe(5);
    expect(metrics.get('stateway_nats_publish_duration_seconds')?.values.get('_count')).toBe(6);
    expect(metrics.get('stateway_upstream_batch_states')?.values.get('_bucket{le="50"}')).toBe(0);
    expect(metrics.get('stateway_upstream_batch_states')?.values.get('_bucket{le="100"}')).toBe(3);
  });
});
