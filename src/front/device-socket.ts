import type { WebSocket } from 'uws-current';
import type { Grant } from '../core/grant.js';
import type { Encoding } from '../core/ports.js';
import { CLOSE_POLICY, FrameSocket, type SocketData } from './frame-socket.js';
import type { FrontContext } from './front-context.js';

/** A WebSocket at `…/devices/:deviceId/state`: every frame is for its one device (DESIGN 1.3). */
export class DeviceSocket extends FrameSocket {
  readonly #grant: Grant;
  #stopWatching: () => void = () => {};

  constructor(context: FrontContext, grant: Grant) {
    super(context);
    this.#grant = grant;
  }

  override open(ws: WebSocket<SocketData>): void {
    super.open(ws);
    this.#stopWatching = this.#grant.onEnd((reason) => this.end(CLOSE_POLICY, reason.message));
  }

  override closed(): void {
    super.closed();
    this.#stopWatching();
  }

  override tick(): void {
    if (!this.#grant.isGood(this.context.clock.wallMs())) this.end(CLOSE_POLICY, 'the token has expired');
  }

  protected take(frame: number, encoding: Encoding, bytes: Uint8Array): void {
    if (this.#grant.isGood(this.context.clock.wallMs())) {
      this.context.intake.accept(this.#grant, encoding, bytes, this, frame);
    } else {
      this.tick();
      this.drop(frame);
    }
  }
}
