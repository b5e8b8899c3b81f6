import { Command } from 'commander';
import { loadConfig } from '../config/load.js';
import { addConfigFlags } from './config-flags.js';
import { App } from './create-app.js';
import { createLogger, type Logger } from './logger.js';

/** A stop that takes longer than this has gone wrong (DESIGN 1.6, promise 6: 10 s). */
const STOP_WITHIN_MS = 9_500;

/** `stateway serve`: runs the proxy until SIGTERM or SIGINT, then drains and exits 0. */
export function serveCommand(): Command {
  return addConfigFlags(new Command('serve').description('run the proxy until SIGTERM or SIGINT (default)')).action(
    async (flags: Record<string, unknown>) => {
      const config = loadConfig(process.env, flags);
      const log = createLogger(config.logLevel);
      await serve(await App.open(config, log), log);
    },
  );
}

async function serve(app: App, log: Logger): Promise<void> {
  const stopAsked = new Promise<string>((resolve) => {
    // Once each: a second signal of the kind ends the process the system's way.
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  try {
    await app.start();
  } catch (error) {
    await app.close();
    throw error;
  }
  const signal = await stopAsked;
  const overdue = setTimeout(() => {
    log.fatal({ event: 'stop-overdue', signal }, 'could not stop in time; what was acknowledged is on disk');
    process.exit(1);
  }, STOP_WITHIN_MS);
  await app.close();
  clearTimeout(overdue);
}
