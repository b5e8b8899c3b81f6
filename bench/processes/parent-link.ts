/** From the bench to a process it started. Without a question: what it is to start with. */
export interface ParentMessage {
  readonly question: string | undefined;
  readonly value: unknown;
}

/** The answer, or why there is none. */
export interface ChildMessage {
  readonly value?: unknown;
  readonly error?: string;
}

/** What a process of the bench does for the one that started it. */
export interface Duty<Config, Ready> {
  /** Called once, with what the parent passed. What it returns goes back to the parent. */
  start(config: Config): Promise<Ready>;
  /** Answers the parent's questions, by name. */
  readonly answers?: Readonly<Record<string, () => unknown>>;
}

/** Makes this process serve its parent until the parent goes away, which ends it at once. */
export function serveParent<Config, Ready>(duty: Duty<Config, Ready>): void {
  process.on('disconnect', () => process.exit(0));
  // Ctrl-C reaches the whole group; the parent decides what ends when.
  process.on('SIGINT', () => {});
  process.on('message', ({ question, value }: ParentMessage) => {
    const work = async () => (question === undefined ? duty.start(value as Config) : duty.answers?.[question]?.());
    const send = (message: ChildMessage) => process.send?.(message);
    work().then(
      (answer) => send({ value: answer }),
      (error: Error) => send({ error: error.stack ?? error.message }),
    );
  });
}
