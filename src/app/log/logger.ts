import { constants, openSync } from 'node:fs';
import { type Logger, pino, stdTimeFunctions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { systemClock } from '../../core/time/clock.js';
import { LogSink } from './log-sink.js';

export interface OpenedLog {
  readonly logger: Logger;
  /** The same, at level `debug` whatever that of the log is. */
  readonly steps: Logger;
  /** What the logger writes to; to be closed last. */
  readonly sink: LogSink;
}

/**
 * JSON lines on standard output with the level as a word, pretty where that is a terminal (`STATEWAY_LOG_LEVEL`). A
 * reader that is stuck holds up nothing ({@link LogSink}); what waits at an end of the process of any kind is written if
 * it can be within a bound.
 * @param name of the instance, in each line
 */
export function openLog(level: string, name: string): OpenedLog {
  const pretty = { translateTime: 'SYS:HH:MM:ss.l', ignore: 'pid,hostname' };
  const format = process.stdout.isTTY ? prettyFactory(pretty) : (line: string) => line;
  const sink = new LogSink({
    descriptor: openStandardOutput(),
    clock: systemClock,
    lineForGap: (lines) => lineForGap(lines, name),
    format,
  });
  process.on('exit', () => sink.close());
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino({ level, base: { name }, timestamp: stdTimeFunctions.isoTime, formatters }, sink);
  return { logger, steps: logger.child({}, { level: 'debug' }), sink };
}

function lineForGap(lines: number, name: string): string {
  const time = new Date(systemClock.wallMs()).toISOString();
  const msg = 'lines of the log were dropped: nobody took them';
  return `${JSON.stringify({ level: 'warn', time, name, event: 'log-dropped', lines, msg })}\n`;
}

/**
 * A descriptor of standard output that does not block. Node makes those of pipes and sockets so when they are first asked
 * for (libuv, `uv_pipe_open`), standard error's with it, and puts them back at its end; a terminal, which may be held
 * (Ctrl-S), is opened anew.
 */
function openStandardOutput(): number {
  // What is printed past the log, by libraries too, must neither block nor end the process.
  process.stderr.on('error', () => {});
  if (!process.stdout.isTTY) return 1;
  try {
    return openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A terminal of another user (su), or a system without /proc: held, it holds up the process as it does any other.
    return 1;
  }
}
