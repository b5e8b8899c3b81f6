import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Distribution } from '../core/metering/meters.js';
import type { AdminSources } from './admin-sources.js';
import { registerDistribution } from './distribution-metric.js';
import { byLabel, type MetricRow, registerCounter, registerGauge, type Sample } from './metric-row.js';
import { mqttCounterRows, uplinkSessionsRow } from './mqtt-metrics.js';
import { openMetricsOf, prefersOpenMetrics } from './open-metrics.js';
import { replicaCounterRow, replicaGaugeRows } from './replica-metrics.js';
import { oldestSeconds, secondsLeft } from './status.js';

/** What Prometheus scrapes. */
export interface Metrics {
  /**
   * The exposition, read from the sources as they are now.
   * @param accept what the scraper says that it takes (`Accept`)
   */
  render(accept?: string): Promise<Exposition>;
}

/** The figures in one of the formats that Prometheus reads. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/**
 * The metrics of contract 1.7, under a registry of their own. Nothing is kept here: each scrape reads the sources, so the
 * stages count in plain fields and know no metric by name. No label takes a value that grows with the devices.
 */
export function createMetrics(sources: AdminSources): Metrics {
  const registry = new Registry();
  for (const row of counterRows(sources)) registerCounter(registry, row);
  for (const row of gaugeRows(sources)) registerGauge(registry, row);
  registerHistograms(registry, sources);
  collectDefaultMetrics({ register: registry });
  const open = sources.showsExemplars ? openMetricsOf(registry) : undefined;
  return {
    async render(accept = '') {
      const shown = open !== undefined && prefersOpenMetrics(accept) ? open : registry;
      return { contentType: shown.contentType, body: await shown.metrics() };
    },
  };
}

function counterRows(sources: AdminSources): MetricRow[] {
  const { meters } = sources;
  return [
    {
      name: 'stateway_states_received_total',
      help: 'States received, by what became of them.',
      labelNames: ['transport', 'result'],
      read: () =>
        Object.entries(meters.received).flatMap(([transport, results]) =>
          Object.entries(results).map(([result, value]): Sample => [value, transport, result]),
        ),
    },
    {
      name: 'stateway_states_unavailable_total',
      help: 'Requests, frames and publishes with states that were not taken and may come again (503), by the code of the answer.',
      labelNames: ['code'],
      read: () => [...meters.unavailable].map(([code, value]): Sample => [value, code]),
    },
    {
      name: 'stateway_states_forwarded_total',
      help: 'States the cloud has taken.',
      read: () => [[meters.forwarded]],
    },
    {
      name: 'stateway_upstream_requests_total',
      help: 'Requests to the cloud, by status code, or error where there was no answer.',
      labelNames: ['code'],
      read: () => [...meters.upstreamRequests].map(([code, value]): Sample => [value, code]),
    },
    {
      name: 'stateway_upstream_failures_total',
      help: 'Calls to the cloud of any kind that were not answered, or by something else, by why.',
      labelNames: ['reason'],
      read: () => byLabel(meters.upstreamFailures),
    },
    {
      name: 'stateway_refusals_total',
      help: 'Requests, frames and log-ins of devices that were answered with an error of the proxy, by its code.',
      labelNames: ['code'],
      read: () => [...sources.refusals.counts].map(([code, value]): Sample => [value, code]),
    },
    {
      name: 'stateway_passed_calls_total',
      help: 'Calls passed to the cloud as they came, by its status code, or error where there was no answer.',
      labelNames: ['code'],
      read: () => [...meters.passedCalls].map(([code, value]): Sample => [value, code]),
    },
    {
      name: 'stateway_token_cache_total',
      help: 'Look-ups of grants, by what was found.',
      labelNames: ['result'],
      read: () => byLabel(meters.tokenCache),
    },
    {
      name: 'stateway_states_out_of_window_total',
      help: 'Accepted states that the cloud will ignore: over 30 days old or over a day ahead.',
      read: () => [[meters.outOfWindow]],
    },
    {
      name: 'stateway_dead_letters_dropped_total',
      help: 'Dead letters that went for good, since all together took more than they may.',
      read: () => [[sources.deadLetterRoom().dropped]],
    },
    ...mqttCounterRows(sources),
    replicaCounterRow(sources),
    {
      name: 'stateway_attributes_left_out_total',
      help: 'Attributes without a value (null, $undefined) that were left out of states that came by MQTT.',
      read: () => [[meters.leftOut]],
    },
    {
      name: 'stateway_log_dropped_total',
      help: 'Lines of the log that nobody took, and that were dropped for it.',
      read: () => [[sources.droppedLogLines()]],
    },
  ];
}

function gaugeRows(sources: AdminSources): MetricRow[] {
  const { name, version, node, uws } = sources.build;
  return [
    {
      name: 'stateway_spool_bytes',
      help: 'Bytes of the records that wait for the cloud.',
      read: () => [[sources.spoolStatus().bytes]],
    },
    {
      name: 'stateway_spool_max_bytes',
      help: 'Bytes of waiting records from which on states are refused (STATEWAY_MAX_SPOOL_BYTES).',
      read: () => [[sources.spoolRoom().maxBytes]],
    },
    {
      name: 'stateway_disk_free_bytes',
      help: 'Bytes free on the volume of the data directory; none where that cannot be told.',
      read: () => {
        const { freeDiskBytes } = sources.spoolRoom();
        return freeDiskBytes === undefined ? [] : [[freeDiskBytes]];
      },
    },
    {
      name: 'stateway_unreadable_records',
      help: 'What was found in the data directory, by this run and those before, and could not be read; it is kept.',
      read: () => [[sources.spoolStatus().unreadableRecords]],
    },
    {
      name: 'stateway_spool_states',
      help: 'States that wait for the cloud.',
      read: () => [[sources.spoolStatus().states]],
    },
    {
      name: 'stateway_spool_oldest_seconds',
      help: 'Age of the oldest waiting state; 0 when none waits.',
      read: () => [[oldestSeconds(sources) ?? 0]],
    },
    {
      name: 'stateway_dead_letters',
      help: 'States that the cloud refused or that became too old; they are kept.',
      read: () => [[sources.spoolStatus().deadLetters]],
    },
    {
      name: 'stateway_dead_letter_bytes',
      help: 'Bytes that dead letters take on the disk.',
      read: () => [[sources.spoolStatus().deadLetterBytes]],
    },
    {
      name: 'stateway_dead_letter_max_bytes',
      help: 'Bytes of dead letters from which on the oldest go (STATEWAY_MAX_DEAD_LETTER_BYTES).',
      read: () => [[sources.deadLetterRoom().maxBytes]],
    },
    {
      name: 'stateway_memory_bytes',
      help: 'Memory in use, without pages of files: of the process, and of its JavaScript heap.',
      labelNames: ['of'],
      read: () => byLabel({ process: sources.memory().use.residentBytes, heap: sources.memory().use.heapBytes }),
    },
    {
      name: 'stateway_memory_limit_bytes',
      help: 'What it may be: by the container or the machine, and by Node.',
      labelNames: ['of'],
      read: () => byLabel({ process: sources.memory().limits.bytes, heap: sources.memory().limits.heapBytes }),
    },
    {
      name: 'stateway_known_devices',
      help: 'Devices with a grant or with states on their way, whichever are more.',
      read: () => [[sources.memory().devices.known]],
    },
    {
      name: 'stateway_max_devices',
      help: 'Known devices from which on others are refused, since the memory is enough for no more.',
      read: () => [[sources.memory().devices.most]],
    },
    {
      name: 'stateway_new_devices_refused',
      help: '1 while devices that are not known are refused for want of memory, else 0.',
      read: () => [[sources.memory().devices.isFull ? 1 : 0]],
    },
    {
      name: 'stateway_lanes',
      help: 'Lanes, one for each active device, by what they do.',
      labelNames: ['state'],
      read: () => byLabel({ ...sources.lanes() }),
    },
    {
      name: 'stateway_devices',
      help: 'Devices in trouble, by what is the matter.',
      labelNames: ['trouble'],
      read: () => byLabel(sources.devices().troubled),
    },
    {
      name: 'stateway_nothing_delivered',
      help: '1 while states come and the cloud, though it is there, takes those of no device, else 0.',
      read: () => [[sources.devices().nothingDelivered ? 1 : 0]],
    },
    {
      name: 'stateway_connections',
      help: 'Open connections of devices; of http, with the older web server underneath, requests without an answer.',
      labelNames: ['transport'],
      read: () => byLabel(sources.connections()),
    },
    uplinkSessionsRow(sources),
    ...replicaGaugeRows(sources),
    {
      name: 'stateway_worker_queue_depth',
      help: 'Bodies accepted whose answer is outstanding.',
      read: () => [[sources.queueDepth()]],
    },
    {
      name: 'stateway_upstream_up',
      help: '1 while the cloud answers without a server error, by what all calls show, else 0, as before its first answer.',
      read: () => [[sources.cloud().isUp ? 1 : 0]],
    },
    {
      name: 'stateway_tls_cert_expiry_seconds',
      help: 'Until the certificate ends that new connections get, below 0 when it has; none without TLS.',
      labelNames: ['side'],
      read: () =>
        Object.entries(sources.certificates()).flatMap(([side, certificate]): Sample[] =>
          certificate === undefined ? [] : [[secondsLeft(certificate, sources), side]],
        ),
    },
    {
      name: 'stateway_build_info',
      help: 'Always 1; the labels say what is running.',
      labelNames: ['version', 'node', 'uws', 'name'],
      read: () => [[1, version, node, uws, name]],
    },
  ];
}

function registerHistograms(registry: Registry, sources: AdminSources): void {
  const { meters } = sources;
  registerDistribution(
    registry,
    'stateway_ack_duration_seconds',
    'From the last byte of a request or frame to its answer.',
    meters.ackSeconds,
  );
  registerDistribution(
    registry,
    'stateway_upstream_request_duration_seconds',
    'From a request to the cloud to its answer.',
    meters.upstreamSeconds,
  );
  registerDistribution(
    registry,
    'stateway_upstream_batch_states',
    'States in one request to the cloud.',
    meters.upstreamBatchStates,
  );
  registerWhereKept(
    registry,
    'stateway_commit_duration_seconds',
    'From the beginning of a write to the journal until it is on the disk.',
    sources.commitSeconds(),
  );
  registerWhereKept(
    registry,
    'stateway_nats_publish_duration_seconds',
    'From the beginning of a write to NATS until it is on the disks of most of its servers.',
    sources.replicas()?.publishSeconds,
  );
}

/** Of what a proxy with a disk of its own has, and one of several replicas has not, or the other way round. */
function registerWhereKept(registry: Registry, name: string, help: string, source: Distribution | undefined): void {
  if (source !== undefined) registerDistribution(registry, name, help, source);
}
