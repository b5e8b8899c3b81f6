import type { CloudSnapshot } from '../account.js';
import { Child } from '../processes/child.js';
import type { ScanRules } from './state-scan.js';

/**
 * A cloud in a process of its own that counts what arrives of each device. It costs next to nothing: it checks tokens and
 * rate, and counts states without parsing them.
 */
export class Cloud {
  readonly #child: Child;
  readonly port: number;
  /** Whether the proxy has reason to complain. */
  wasAway = false;

  private constructor(child: Child, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(options: ScanRules): Promise<Cloud> {
    const script = new URL('./cloud-process.js', import.meta.url);
    const { child, ready } = await Child.start<number>(script, 'the cloud', options);
    return new Cloud(child, ready);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What it has now; there may be more devices than sent anything, or fewer than there are. */
  snapshot(): Promise<CloudSnapshot> {
    return this.#child.ask('snapshot');
  }

  /** Cuts each connection as soon as anything is asked on it. It keeps its port, which somebody else could take meanwhile. */
  async goAway(): Promise<void> {
    this.wasAway = true;
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
