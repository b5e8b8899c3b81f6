import type { Config } from '../config/load.js';
import { MAX_CALLS } from '../core/bounds.js';
import { systemClock } from '../core/time/clock.js';
import { createAgent } from '../upstream/agent.js';
import { type CallStreamOptions, HttpCallStream } from '../upstream/call-stream.js';
import { CloudConnections } from '../upstream/connections.js';
import { Dialer } from '../upstream/dialer.js';

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
