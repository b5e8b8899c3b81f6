import { Child } from '../processes/child.js';
import type { CloudSummary } from './arrivals.js';

/**
 * `light` costs next to nothing: it checks tokens and rate, and counts states without parsing them. `strict` is the
 * simulated cloud, which checks everything and holds every state, for loads that it can bear.
 */
export type CloudKind = 'light' | 'strict';

export interface CloudOptions {
  readonly kind: CloudKind;
  /** That it knows; the light one knows all. */
  readonly devices: number;
  /** Whether all states of a device are equally long; see `ScanRules`. */
  readonly equalLengths: boolean;
}

const SCRIPTS: Readonly<Record<CloudKind, URL>> = {
  light: new URL('./light-process.js', import.meta.url),
  strict: new URL('./strict-process.js', import.meta.url),
};

/** A cloud in a process of its own that knows the devices of the bench and counts what arrives of each. */
export class Cloud {
  readonly #child: Child;
  readonly port: number;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(options: CloudOptions): Promise<Cloud> {
    const { child, ready } = await Child.start<number>(SCRIPTS[options.kind], 'the cloud', options);
    return new Cloud(child, ready);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Distinct states by device since the start; may be longer than there are devices, or shorter than those that sent none. */
  arrived(): Promise<Uint32Array> {
    return this.#child.ask('arrived');
  }

  summary(): Promise<CloudSummary> {
    return this.#child.ask('summary');
  }

  /** Cuts each connection as soon as anything is asked on it. It keeps its port, which somebody else could take meanwhile. */
  async goAway(): Promise<void> {
    await this.#child.ask('goAway');
  }

  /** Answers again. */
  async comeBack(): Promise<void> {
    await this.#child.ask('comeBack');
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}
