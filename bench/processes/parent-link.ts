import type { ChildMessage, ParentMessage } from './link-messages.js';

/** What a process of the bench does for the one that started it. */
export interface Duty<Config, Ready> {
  /** Called once, with what the parent passed. What it returns goes back to the parent. */
  start(config: Config): Promise<Ready>;
  /** Answers the parent's questions, by name. */
  readonly answers?: Readonly<Record<string, (value: never) => unknown>>;
}

/** Makes this process serve its parent until the parent goes away, which ends it at once. */
export function serveParent<Config, Ready>(duty: Duty<Config, Ready>): void {
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group; the parent decides what ends when.
  process.on('SIGINT', () => {});
  process.on('message', (message: ParentMessage) => {
    const work = message.question === undefined ? duty.start(message.value as Config) : answer(duty, message);
    work.then(
      (value) => send({ id: message.id, value }),
      (error: Error) => send({ id: message.id, error: error.stack ?? error.message }),
    );
  });
}

async function answer<Config, Ready>(duty: Duty<Config, Ready>, message: ParentMessage): Promise<unknown> {
  const found = duty.answers?.[message.question as string];
  if (found === undefined) throw new Error(`no answer to "${message.question}"`);
  return found(message.value as never);
}

function send(message: ChildMessage): void {
  process.send?.(message);
}
