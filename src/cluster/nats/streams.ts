import { StatewayError } from '../../core/errors.js';
import {
  GRANTS_PREFIX,
  GRANTS_STREAM,
  INTAKE_STREAM,
  INTAKE_SUBJECTS,
  KEEP_STREAM,
  KEEP_SUBJECTS,
} from '../subjects.js';
import { API_ERRORS, askApi, awayError, bodyOf } from './api.js';
import type { NatsLink } from './link.js';

export interface StreamSettings {
  /** Of the streams; fixed when they are made. */
  readonly partitions: number;
  /** Servers that each message is kept on. */
  readonly replicas: number;
  /** Of the records that wait. */
  readonly maxIntakeBytes: number;
}

/** Of a stream's configuration, what is asked for and compared. */
interface StreamConfig {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly retention: string;
  readonly storage: string;
  readonly discard: string;
  readonly max_bytes: number;
  readonly max_age: number;
  readonly max_msgs: number;
  readonly max_msgs_per_subject: number;
  readonly num_replicas: number;
  readonly allow_direct: boolean;
  readonly allow_rollup_hdrs: boolean;
  readonly allow_atomic: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StreamInfo {
  readonly config: StreamConfig;
  readonly state: {
    readonly messages: number;
    readonly bytes: number;
    readonly first_seq: number;
    readonly last_seq: number;
  };
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly StreamReplica[] };
}

/** One of the servers that keep a stream beside its leader. */
export interface StreamReplica {
  readonly name: string;
  readonly current: boolean;
  readonly offline?: boolean;
  readonly lag?: number;
}

/** What it is under in the metadata of a stream. */
const PARTITIONS_KEY = 'stateway.partitions';
/** A stream takes a leader's election to be made. */
const MADE_WITHIN_MS = 10_000;

/**
 * Makes the streams where they are missing, and looks whether those that are there are as they must be.
 * @throws StatewayError `STATEWAY_CONFIGURATION` when one has other settings: they are not changed here
 */
export async function prepareStreams(link: NatsLink, settings: StreamSettings): Promise<void> {
  for (const config of configsOf(settings)) {
    const found = await streamInfo(link, config.name);
    verify(config, (found ?? (await make(link, config))).config);
  }
}

/**
 * What a stream is and holds, by the word of its leader.
 * @returns undefined when there is no such stream
 * @throws StatewayError `STATEWAY_NATS_AWAY` when no leader answers: what others say may be of an emptied disk
 */
export async function streamInfo(link: NatsLink, name: string, question: object = {}): Promise<StreamInfo | undefined> {
  const answer = await askApi<StreamInfo>(link, `STREAM.INFO.${name}`, question);
  if (answer.error?.err_code === API_ERRORS.noSuchStream) return undefined;
  const info = bodyOf(answer);
  const hasLeader = info.cluster === undefined ? info.config.num_replicas === 1 : Boolean(info.cluster.leader);
  if (!hasLeader) throw awayError(`${name} has no leader`);
  return info;
}

async function make(link: NatsLink, config: StreamConfig): Promise<StreamInfo> {
  const answer = await askApi<StreamInfo>(link, `STREAM.CREATE.${config.name}`, config, MADE_WITHIN_MS);
  // Another replica was faster: then it is as that one has made it.
  const info = answer.error === undefined ? answer.body : await streamInfo(link, config.name);
  if (info !== undefined) return info;
  const { err_code: code, description } = answer.error as NonNullable<typeof answer.error>;
  throw new StatewayError(
    'STATEWAY_CONFIGURATION',
    `NATS does not make the stream ${config.name}: ${code} ${description}`,
  );
}

function configsOf({ partitions, replicas, maxIntakeBytes }: StreamSettings): readonly StreamConfig[] {
  const both = {
    retention: 'limits',
    storage: 'file',
    // Nothing that is kept goes for want of room.
    discard: 'new',
    max_age: 0,
    max_msgs: -1,
    max_msgs_per_subject: -1,
    num_replicas: replicas,
    allow_direct: true,
    metadata: { [PARTITIONS_KEY]: String(partitions) },
  };
  return [
    {
      ...both,
      name: INTAKE_STREAM,
      subjects: INTAKE_SUBJECTS,
      max_bytes: maxIntakeBytes,
      allow_rollup_hdrs: false,
      allow_atomic: false,
    },
    { ...both, name: KEEP_STREAM, subjects: KEEP_SUBJECTS, max_bytes: -1, allow_rollup_hdrs: true, allow_atomic: true },
    {
      ...both,
      name: GRANTS_STREAM,
      subjects: [`${GRANTS_PREFIX}>`],
      max_bytes: -1,
      max_msgs_per_subject: 1,
      allow_rollup_hdrs: true,
      allow_atomic: false,
    },
  ];
}

function verify(expected: StreamConfig, found: StreamConfig): void {
  const { metadata, ...settings } = expected;
  const partitions = found.metadata?.[PARTITIONS_KEY];
  if (partitions !== metadata[PARTITIONS_KEY]) {
    throw different(expected.name, 'partitions', partitions, metadata[PARTITIONS_KEY]);
  }
  for (const [name, value] of Object.entries(settings)) {
    const isThere = (found as unknown as Record<string, unknown>)[name] ?? (value === false ? false : undefined);
    if (JSON.stringify(isThere) !== JSON.stringify(value)) throw different(expected.name, name, isThere, value);
  }
}

function different(stream: string, setting: string, found: unknown, expected: unknown): StatewayError {
  const message = `the stream ${stream} has ${setting} ${shown(found)}, and ${shown(expected)} is asked for: it is not changed by this start`;
  return new StatewayError('STATEWAY_CONFIGURATION', message);
}

function shown(value: unknown): string {
  return value === undefined ? 'unset' : typeof value === 'string' ? value : JSON.stringify(value);
}
