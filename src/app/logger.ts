import { destination, type Logger, pino, stdTimeFunctions } from 'pino';
import pretty from 'pino-pretty';

/** JSON lines on standard output, pretty where that is a terminal (`STATEWAY_LOG_LEVEL`). */
export function createLogger(level: string): Logger {
  const options = { level, base: null, timestamp: stdTimeFunctions.isoTime };
  // Written at once: the last lines before an exit are the ones that matter, and there is no line per state.
  if (process.stdout.isTTY)
    return pino(options, pretty({ sync: true, translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' }));
  return pino(options, destination({ dest: 1, sync: true }));
}

export type { Logger };
