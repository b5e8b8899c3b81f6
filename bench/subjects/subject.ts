/** What may be measured. `bare`: a uWebSockets.js handler that does nothing, the ceiling. */
export type SubjectName = 'stateway' | 'bare' | 'nginx' | 'forwarder';

export const SUBJECT_TITLES: Readonly<Record<SubjectName, string>> = {
  stateway: 'Stateway',
  bare: 'bare uWebSockets.js',
  nginx: 'nginx',
  forwarder: 'Fastify + undici',
};

/** A server under load, in processes of its own. */
export interface Subject {
  readonly name: SubjectName;
  readonly port: number;
  /** Of all its processes. */
  pids(): readonly number[];
  stop(): Promise<void>;
}

/** A server that cannot be started here, and why. */
export interface Skipped {
  readonly name: SubjectName;
  readonly reason: string;
}
