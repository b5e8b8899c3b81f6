import { fileURLToPath } from 'node:url';
import type { Config } from '../config/load.js';
import { KNOWN_LOG_IN_BOUNDS, LOG_IN_BOUNDS, PROOF_BOUNDS, QUESTION_BOUNDS } from '../core/bounds.js';
import { MAX_REQUESTS_IN_FLIGHT } from '../forward/lanes.js';
import { AskThread } from '../upstream/ask-thread.js';
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

function workerFile(name: string): string {
  return fileURLToPath(new URL(`../../workers/${name}.js`, import.meta.url));
}
