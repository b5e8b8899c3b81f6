import { hostname } from 'node:os';
import { Command } from 'commander';
import { ConfigError } from '../../config/config-error.js';
import { describeConfig } from '../../config/describe.js';
import { type Config, loadConfig } from '../../config/load.js';
import { systemClock } from '../../core/time/clock.js';
import { App } from '../create-app.js';
import { EventLog, type LineWriter } from '../log/event-log.js';
import { openLog } from '../log/logger.js';
import { PACKAGE_VERSION } from '../package-info.js';
import { addConfigFlags } from './config-command.js';
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
      const { logger, steps, sink } = openLog(config.logLevel, config.name);
      const log = new EventLog(logger, systemClock, sink, steps);
      try {
        logStart(config, log);
        const app = await App.open(config, log);
        reload = () => void app.reload();
        await serve(app, log, stopAsked);
      } catch (error) {
        logFailure(log, error);
        throw error;
      } finally {
        log.close();
        sink.close();
      }
    },
  );
}

/** @throws ConfigError, of which the log has a line too: where it is gathered, nobody may look at standard error */
function loadOrTell(flags: Record<string, unknown>): Config {
  try {
    return loadConfig(process.env, flags);
  } catch (error) {
    const { logger, sink } = openLog('info', hostname());
    logFailure(logger, error);
    sink.close();
    throw error;
  }
}

/** On a terminal the same stands there by itself. */
function logFailure(log: Pick<LineWriter, 'fatal'>, error: unknown): void {
  if (process.stdout.isTTY) return;
  const reason = error instanceof Error ? error.message : String(error);
  const exitCode = error instanceof ConfigError ? 2 : 1;
  log.fatal({ event: 'start-failed', reason, exitCode }, 'cannot start');
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
