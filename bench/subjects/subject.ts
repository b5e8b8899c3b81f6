/** What Stateway is measured beside, in the order of tables. */
export const PEERS = ['bare', 'nginx', 'haproxy', 'forwarder', 'mosquitto', 'append', 'overwrite'] as const;

/**
 * What may be measured. `bare`: a uWebSockets.js handler that does nothing, the ceiling. `append` and `overwrite`: one
 * synced write after the other, the floor of a single connection.
 */
export type SubjectName = 'stateway' | (typeof PEERS)[number];

export const SUBJECT_TITLES: Readonly<Record<SubjectName, string>> = {
  stateway: 'Stateway',
  bare: 'bare uWebSockets.js',
  nginx: 'nginx',
  haproxy: 'HAProxy',
  forwarder: 'Fastify + undici',
  mosquitto: 'mosquitto',
  append: 'O_DSYNC, append',
  overwrite: 'O_DSYNC, overwrite',
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
