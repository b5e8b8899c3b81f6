import type { WebSocket } from 'uws-current';
import { asStatewayError, type StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Encoding, Unproven } from '../core/ports.js';
import { CLOSE_POLICY, FrameSocket, type SocketData } from './frame-socket.js';
import type { FrontContext } from './front-context.js';

interface WaitingFrame {
  readonly frame: number;
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

/**
 * A WebSocket at `…/devices/:deviceId/state`: every frame is for its one device (contract 1.3). One whose token may or may
 * not send opens all the same: its first frame settles it (contract 1.4), and those that come meanwhile wait, under the
 * front's bound.
 */
export class DeviceSocket extends FrameSocket {
  readonly #unproven: Unproven | undefined;
  readonly #waiting: WaitingFrame[] = [];
  #grant: Grant | undefined;
  #isProving = false;
  #stopWatching: () => void = () => {};

  private constructor(context: FrontContext, grant: Grant | undefined, unproven: Unproven | undefined) {
    super(context);
    this.#grant = grant;
    this.#unproven = unproven;
  }

  static granted(context: FrontContext, grant: Grant): DeviceSocket {
    return new DeviceSocket(context, grant, undefined);
  }

  static unproven(context: FrontContext, unproven: Unproven): DeviceSocket {
    return new DeviceSocket(context, undefined, unproven);
  }

  override open(ws: WebSocket<SocketData>): void {
    super.open(ws);
    this.#watch();
  }

  override closed(): void {
    super.closed();
    this.#stopWatching();
  }

  override tick(): void {
    if (this.#grant !== undefined && !this.#grant.isGood(this.context.clock.wallMs())) {
      this.end(CLOSE_POLICY, 'the token has expired');
    }
  }

  protected take(frame: number, encoding: Encoding, bytes: Uint8Array): void {
    if (this.#grant !== undefined && !this.#isProving) {
      this.#handOver(this.#grant, frame, encoding, bytes);
      return;
    }
    // The frame's memory is the socket's again after this call.
    this.#waiting.push({ frame, encoding, bytes: bytes.slice() });
    if (!this.#isProving && this.#unproven !== undefined) void this.#proveWithFirst(this.#unproven);
  }

  #handOver(grant: Grant, frame: number, encoding: Encoding, bytes: Uint8Array): void {
    if (this.isOpen && grant.isGood(this.context.clock.wallMs())) {
      this.context.intake.accept(grant, encoding, bytes, this, frame);
      return;
    }
    this.tick();
    this.drop(frame);
  }

  #watch(): void {
    if (this.#grant === undefined) return;
    this.#stopWatching = this.#grant.onEnd((reason) => this.end(CLOSE_POLICY, reason.message));
  }

  /** Proves with one frame after another until one is taken, or the cloud says no for good. */
  async #proveWithFirst(unproven: Unproven): Promise<void> {
    this.#isProving = true;
    while (this.isOpen && this.#grant === undefined && this.#waiting.length > 0) {
      await this.#proveWith(unproven, this.#waiting.shift() as WaitingFrame);
    }
    this.#isProving = false;
    for (const { frame, encoding, bytes } of this.#waiting.splice(0)) {
      if (this.#grant === undefined) this.drop(frame);
      else this.#handOver(this.#grant, frame, encoding, bytes);
    }
  }

  async #proveWith(unproven: Unproven, { frame, encoding, bytes }: WaitingFrame): Promise<void> {
    try {
      const proven = await unproven.prove(encoding, bytes);
      this.#grant = proven.grant;
      if (this.isOpen) this.#watch();
      if (proven.kind === 'delivered') this.onStored(frame, proven.states);
      else this.#handOver(proven.grant, frame, encoding, bytes);
    } catch (thrown) {
      const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
      this.onRefused(frame, error);
      if (isForGood(error)) this.end(CLOSE_POLICY, error.message);
    }
  }
}

/** What says no to the triple, and not just to one body at one time. */
function isForGood({ status }: StatewayError): boolean {
  return status === 401 || status === 403 || status === 404;
}
