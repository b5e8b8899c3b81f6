import { type ChildProcess, spawn } from 'node:child_process';
import type { LineWriter } from '../log/event-log.js';

/**
 * Node has no datagram sockets of the local kind, by which sd_notify(3) speaks, so `systemd-notify` says it, which comes
 * with systemd. A small shell calls it: made once, so that not this whole process is forked with each word; it ends with
 * its input, and where there is no such program (127). A word that was not taken in time is no end of it.
 */
const SPEAKER = 'while read -r words; do systemd-notify "$words" || [ $? -ne 127 ] || exit 127; done';

/** Words go out at half the time that the watchdog allows (sd_watchdog_enabled(3)). */
const WORDS_PER_WATCHDOG = 2;
const MICROSECONDS_PER_MS = 1_000;

/**
 * What started the proxy and looks after it, as a unit of systemd with `Type=notify`: it is told when the proxy is ready,
 * that it is stopping, and, where it has a watchdog, now and then that the main thread is alive. Where nobody asks for
 * that (`NOTIFY_SOCKET` is not set), nothing is said and no process made.
 */
export class ServiceManager {
  readonly #log: LineWriter;
  readonly #speaker: ChildProcess | undefined;
  readonly #watchdogMs: number | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #isMute = false;

  /** @param env of the process: `NOTIFY_SOCKET`, `WATCHDOG_USEC`, `WATCHDOG_PID` */
  constructor(env: NodeJS.ProcessEnv, log: LineWriter) {
    this.#log = log;
    this.#watchdogMs = watchdogMs(env);
    this.#speaker = env.NOTIFY_SOCKET ? this.#startSpeaker(env) : undefined;
  }

  /** Devices are served from now on. */
  ready(): void {
    this.#say('READY=1');
    if (this.#watchdogMs === undefined || this.#speaker === undefined) return;
    this.#watchdog = setInterval(() => this.#say('WATCHDOG=1'), this.#watchdogMs / WORDS_PER_WATCHDOG);
  }

  /** The end has begun; how long it may take is known to the service manager. */
  stopping(): void {
    this.#say('STOPPING=1');
  }

  /** What was said is passed on, and nothing more. */
  close(): void {
    clearInterval(this.#watchdog);
    this.#isMute = true;
    this.#speaker?.stdin?.end();
    this.#speaker?.unref();
  }

  #say(words: string): void {
    if (!this.#isMute) this.#speaker?.stdin?.write(`${words}\n`);
  }

  #startSpeaker(env: NodeJS.ProcessEnv): ChildProcess {
    // Nothing of the configuration: `ps` shows the environment of a process to its user.
    const { PATH, NOTIFY_SOCKET } = env;
    const speaker = spawn('/bin/sh', ['-c', SPEAKER], {
      env: { PATH, NOTIFY_SOCKET },
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    speaker.once('error', (error) => this.#giveUp(error.message));
    speaker.once('exit', (code, signal) => this.#giveUp(`it ended with ${signal ?? code}`));
    // The end of the process says why.
    speaker.stdin?.on('error', () => {});
    return speaker;
  }

  #giveUp(reason: string): void {
    if (this.#isMute) return;
    this.#isMute = true;
    clearInterval(this.#watchdog);
    this.#log.error({ event: 'notify-failed', reason }, 'the service manager can be told nothing more');
  }
}

function watchdogMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const isForUs = WATCHDOG_PID === undefined || WATCHDOG_PID === String(process.pid);
  const ms = Number(WATCHDOG_USEC) / MICROSECONDS_PER_MS;
  return isForUs && ms > 0 ? ms : undefined;
}
