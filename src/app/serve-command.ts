import { fstatSync } from 'node:fs';
import { hostname } from 'node:os';
import { Command } from 'commander';
import type { Logger } from 'pino';
import { ConfigError } from '../config/config-error.js';
import { describeConfig } from '../config/describe.js';
import { type Config, loadConfig } from '../config/load.js';
import { systemClock } from '../core/clock.js';
import { addConfigFlags } from './config-flags.js';
import { App } from './create-app.js';
import { EventLog, type LineWriter } from './event-log.js';
import { openLog } from './logger.js';
import { PACKAGE_VERSION } from './package-info.js';
import { ServiceManager } from './service-manager.js';

/** A stop that takes longer than this has gone wrong (contract 1.6, promise 6: 10 s). */
const STOP_WITHIN_MS = 9_500;

/** `stateway serve`: runs the proxy until SIGTERM or SIGINT, then drains and exits 0. SIGHUP has it read its TLS files again. */
export function serveCommand(): Command {
  return addConfigFlags(new Command('serve').description('run the proxy until SIGTERM or SIGINT')).action(
    async (flags: Record<string, unknown>) => {
      // From the first moment on: process 1 of a container has no other way to be told.
      const stopAsked = stopSignal();
      // Without a listener it would end the process. What is told before there is anything to read again needs no doing.
      let reload = (): void => {};
      process.on('SIGHUP', () => reload());
      const config = loadOrTell(flags);
      if (config === undefined) return;
      const { logger, steps, sink } = openLog(config.logLevel, config.name);
      const log = new EventLog(logger, systemClock, sink, steps);
      try {
        logStart(config, log);
        const app = await App.open(config, log);
        reload = () => void app.reload();
        await serve(app, log, stopAsked);
      } catch (error) {
        tell(error, log, logger);
      } finally {
        log.close();
        sink.close();
      }
    },
  );
}

/** Undefined where it is none that can be used, and that is told. @throws as {@link tell} does */
function loadOrTell(flags: Record<string, unknown>): Config | undefined {
  try {
    return loadConfig(process.env, flags);
  } catch (error) {
    const { logger, sink } = openLog('info', hostname());
    try {
      tell(error, logger, logger);
    } finally {
      sink.close();
    }
    return undefined;
  }
}

/**
 * Says why it cannot start. Where the log is gathered, standard error often is with it: there it is told once, in the log. A
 * person at a terminal is told there.
 * @throws what it is told of, where that has to stand on standard error
 */
function tell(error: unknown, log: Pick<LineWriter, 'fatal'>, { level }: Pick<Logger, 'level'>): void {
  // A terminal and /dev/null are such devices; a pipe, a socket and a file are none.
  const isGathered = level !== 'silent' && !fstatSync(1).isCharacterDevice();
  const reason = error instanceof Error ? error.message : String(error);
  const exitCode = error instanceof ConfigError ? 2 : 1;
  if (isGathered) log.fatal({ event: 'start-failed', reason, exitCode }, 'cannot start');
  if (!isGathered || process.stderr.isTTY) throw error;
  process.exitCode = exitCode;
}

/** What the proxy goes by, as `stateway config` shows it: a secret is only said to be set. */
function logStart(config: Config, log: EventLog): void {
  const configuration = Object.fromEntries(describeConfig(config).map(({ variable, value }) => [variable, value]));
  log.info({ event: 'starting', version: PACKAGE_VERSION, node: process.version, configuration }, 'starting');
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    // What was asked for is under way, and over within ten seconds: asked again, it would only be cut off.
    process.on('SIGTERM', resolve);
    // Whoever presses Ctrl-C twice does not want to wait.
    process.once('SIGINT', resolve);
  });
}

async function serve(app: App, log: EventLog, stopAsked: Promise<string>): Promise<void> {
  const manager = new ServiceManager(process.env, log);
  try {
    await start(app);
    manager.ready();
    const signal = await stopAsked;
    manager.stopping();
    await stop(app, log, signal);
  } finally {
    manager.close();
  }
}

async function start(app: App): Promise<void> {
  try {
    await app.start();
  } catch (error) {
    await app.close();
    throw error;
  }
}

async function stop(app: App, log: EventLog, signal: string): Promise<void> {
  const overdue = setTimeout(() => {
    log.close();
    log.fatal({ event: 'stop-overdue', signal }, 'could not stop in time; what was acknowledged is on disk');
    process.exit(1);
  }, STOP_WITHIN_MS);
  await app.close();
  clearTimeout(overdue);
}
