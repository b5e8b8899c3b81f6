import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import { MAX_CALLS } from '../core/bounds.js';
import { systemClock } from '../core/clock.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../forward/lanes.js';
import { createAgent } from '../upstream/agent.js';
import { HttpCallStream } from '../upstream/call-stream.js';
import { HttpCloudClient } from '../upstream/cloud-client.js';
import { CloudConnections } from '../upstream/connections.js';
import { SendThread } from '../upstream/send-thread.js';

const SEND_WORKER_FILE = fileURLToPath(new URL('../../workers/send-worker.js', import.meta.url));
/** Log-ins and questions have connections of their own, so that they do not queue behind a drain. */
const CONNECTIONS_FOR_QUESTIONS = 32;

/** What the lanes send with. */
export function createSendThread({ upstreamUrl: url, upstreamCaFile: caFile, upstreamProxy }: Config): SendThread {
  const connections = MAX_REQUESTS_IN_FLIGHT;
  return new SendThread({ workerFile: SEND_WORKER_FILE, url, connections, caFile, proxyUrl: upstreamProxy?.url });
}

/** What log-ins and questions go through. */
export function createCloudClient({ upstreamUrl, upstreamCaFile, upstreamProxy }: Config): HttpCloudClient {
  const connections = CONNECTIONS_FOR_QUESTIONS;
  const options = { connections, caFile: upstreamCaFile, proxyUrl: upstreamProxy?.url };
  const agents = new CloudConnections(() => createAgent(options));
  return new HttpCloudClient(agents, systemClock, { url: new URL(upstreamUrl) });
}

/** Connections of its own, one for each call, so that long streams never hold up anything else. */
export function createCallStream({ upstreamUrl, upstreamCaFile, upstreamProxy }: Config): HttpCallStream {
  // As many as there may be calls: none ever waits for one of another kind.
  const agentFor = (connections: number) =>
    createAgent({ connections, caFile: upstreamCaFile, proxyUrl: upstreamProxy?.url });
  const kept = MAX_CALLS.upload + MAX_CALLS.other;
  const connections = {
    kept: agentFor(kept),
    streams: agentFor(MAX_CALLS.stream),
    fresh: agentFor(kept + MAX_CALLS.stream),
  };
  return new HttpCallStream(connections, systemClock, { url: new URL(upstreamUrl) });
}
