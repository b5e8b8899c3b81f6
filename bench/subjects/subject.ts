import type { Expectation } from '../account.js';

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

/** What a load brought, and what it cost whom it was put on. */
export interface Measured<Result> {
  readonly result: Result;
  /** Processor time of all its processes and threads. */
  readonly usPerState: number;
  /** States that the cloud has of it; of a peer, those that were answered. */
  readonly arrived: number;
  /** Requests that the cloud got for it; of a peer none is known. */
  readonly posts: number;
}

/** A server under load, in processes of its own. */
export interface Subject {
  readonly name: SubjectName;
  readonly port: number;
  /** Of all its processes. */
  pids(): readonly number[];
  /**
   * Runs a load, and waits until all that it brought is done with.
   * @param scenario under which what it cost is kept; undefined: it is kept nowhere, as for warming up
   */
  measured<Result extends Expectation>(
    scenario: string | undefined,
    load: () => Promise<Result>,
  ): Promise<Measured<Result>>;
}
