import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import { MAX_CALLS } from '../core/bounds.js';
import { systemClock } from '../core/clock.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../forward/lanes.js';
import { createAgent } from '../upstream/agent.js';
import { HttpCallStream } from '../upstream/call-stream.js';
import { HttpCloudClient } from '../upstream/cloud-client.js';
import { CloudConnections } from '../upstream/connections.js';
import { Dialer } from '../upstream/dialer.js';
import { SendThread } from '../upstream/send-thread.js';

const SEND_WORKER_FILE = fileURLToPath(new URL('../../workers/send-worker.js', import.meta.url));
/** Log-ins and questions have connections of their own, so that they do not queue behind a drain. */
const CONNECTIONS_FOR_QUESTIONS = 32;

/**
 * What the lanes send with.
 * @param onDistrust told when it has given its connections up, since no good answer came by them
 */
export function createSendThread(config: Config, onDistrust: () => void): SendThread {
  const { upstreamUrl: url, upstreamCaFile: caFile, upstreamProxy } = config;
  const connections = MAX_REQUESTS_IN_FLIGHT;
  const proxyUrl = upstreamProxy?.url;
  return new SendThread({ workerFile: SEND_WORKER_FILE, url, connections, caFile, proxyUrl, onDistrust });
}

/** What log-ins and questions go through. */
export function createCloudClient(config: Config): HttpCloudClient {
  const connections = connectionsFor(config, CONNECTIONS_FOR_QUESTIONS, new Dialer(systemClock));
  return new HttpCloudClient(connections, systemClock, { url: new URL(config.upstreamUrl) });
}

/** Connections of its own, one for each call, so that long streams never hold up anything else. */
export function createCallStream(config: Config): HttpCallStream {
  // As many as there may be calls: none ever waits for one of another kind.
  const kept = MAX_CALLS.upload + MAX_CALLS.other;
  const dialer = new Dialer(systemClock);
  const connections = {
    kept: connectionsFor(config, kept, dialer),
    streams: connectionsFor(config, MAX_CALLS.stream, dialer),
    fresh: connectionsFor(config, kept + MAX_CALLS.stream, dialer),
  };
  return new HttpCallStream(connections, systemClock, { url: new URL(config.upstreamUrl) });
}

function connectionsFor(config: Config, connections: number, dialer: Dialer): CloudConnections {
  const { upstreamCaFile: caFile, upstreamProxy } = config;
  const create = () => createAgent({ connections, caFile, proxyUrl: upstreamProxy?.url, dialer });
  return new CloudConnections(create, dialer, systemClock);
}
