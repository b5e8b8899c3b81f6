import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import { KNOWN_LOG_IN_BOUNDS, LOG_IN_BOUNDS, MAX_CALLS, PROOF_BOUNDS, QUESTION_BOUNDS } from '../core/bounds.js';
import { systemClock } from '../core/time/clock.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../forward/lanes.js';
import { createAgent } from '../upstream/agent.js';
import { AskThread } from '../upstream/ask-thread.js';
import { type CallStreamOptions, HttpCallStream } from '../upstream/call-stream.js';
import { CloudConnections } from '../upstream/connections.js';
import { Dialer } from '../upstream/dialer.js';
import { SendThread } from '../upstream/send-thread.js';

const SEND_WORKER_FILE = workerFile('send-worker');
const ASK_WORKER_FILE = workerFile('ask-worker');
/** Checks of grants that are known here, eight at once, and of what is the matter with a device. */
const CONNECTIONS_FOR_CHECKS = 16;

/**
 * What the lanes send with: states of devices with grants never wait for a connection that a proof has.
 * @param onDistrust told when it has given its connections up, since no good answer came by them
 */
export function createSendThread(config: Config, onDistrust: () => void): SendThread {
  const { upstreamUrl: url, upstreamCaFile: caFile, upstreamProxy } = config;
  const connections = MAX_REQUESTS_IN_FLIGHT + PROOF_BOUNDS.maxAtOnce;
  const proxyUrl = upstreamProxy?.url;
  return new SendThread({ workerFile: SEND_WORKER_FILE, url, connections, caFile, proxyUrl, onDistrust });
}

/** What is asked of the cloud beside states: strangers, who have it asked what they like, never keep a state waiting. */
export function createAskThread(config: Config): AskThread {
  const { upstreamUrl: url, upstreamCaFile: caFile, upstreamProxy } = config;
  const connections = {
    questions: QUESTION_BOUNDS.maxAtOnce,
    checks: CONNECTIONS_FOR_CHECKS,
    logIns: LOG_IN_BOUNDS.maxAtOnce + KNOWN_LOG_IN_BOUNDS.maxAtOnce,
  };
  return new AskThread({ workerFile: ASK_WORKER_FILE, url, connections, caFile, proxyUrl: upstreamProxy?.url });
}

/** The options of the way to the cloud. */
export type CloudWayConfig = Pick<Config, 'upstreamUrl' | 'upstreamCaFile' | 'upstreamProxy'>;

/** Connections of its own, one for each call, so that long streams never hold up anything else. */
export function createCallStream(
  config: CloudWayConfig,
  told: Pick<CallStreamOptions, 'onTrouble' | 'onDoubt'>,
): HttpCallStream {
  // As many as there may be calls: none ever waits for one of another kind.
  const kept = MAX_CALLS.upload + MAX_CALLS.other;
  const dialer = new Dialer(systemClock);
  const connections = {
    kept: connectionsFor(config, kept, dialer),
    streams: connectionsFor(config, MAX_CALLS.stream, dialer),
    fresh: connectionsFor(config, kept + MAX_CALLS.stream, dialer),
  };
  return new HttpCallStream(connections, systemClock, { url: new URL(config.upstreamUrl), ...told });
}

function connectionsFor(config: CloudWayConfig, connections: number, dialer: Dialer): CloudConnections {
  const { upstreamCaFile: caFile, upstreamProxy } = config;
  const create = () => createAgent({ connections, caFile, proxyUrl: upstreamProxy?.url, dialer });
  return new CloudConnections(create, dialer, systemClock);
}

function workerFile(name: string): string {
  return fileURLToPath(new URL(`../../workers/${name}.js`, import.meta.url));
}
