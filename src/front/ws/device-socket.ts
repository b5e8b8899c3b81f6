import type { WebSocket } from 'uws-current';
import type { Asker, Unproven } from '../../core/auth-ports.js';
import { asStatewayError, type StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { Refused } from '../../core/metering/refusal-ring.js';
import type { Encoding } from '../../core/ports.js';
import type { FrontContext } from '../front-context.js';
import type { StrangerPlace } from '../stranger-sockets.js';
import type { SocketData } from '../uws.js';
import { CLOSE_POLICY, FrameSocket } from './frame-socket.js';

/** As the path has them, or as the grant does. */
type DeviceIds = Pick<Refused, 'applicationId' | 'deviceId'>;

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
  readonly #asker: Asker;
  /** Its one device. */
  readonly #device: DeviceIds;
  readonly #waiting: WaitingFrame[] = [];
  #unproven: Unproven | undefined;
  #grant: Grant | undefined;
  /** The cloud is being asked, or a proof is under way: frames wait. */
  #isClearing = false;
  #stopWatching: () => void = () => {};

  private constructor(
    context: FrontContext,
    asker: Asker,
    device: DeviceIds,
    grant: Grant | undefined,
    unproven: Unproven | undefined,
    place: StrangerPlace | undefined,
  ) {
    super(context, place);
    this.#asker = asker;
    this.#device = device;
    this.#grant = grant;
    this.#unproven = unproven;
  }

  static granted(context: FrontContext, grant: Grant, asker: Asker): DeviceSocket {
    return new DeviceSocket(context, asker, grant.device, grant, undefined, undefined);
  }

  static unproven(
    context: FrontContext,
    unproven: Unproven,
    asker: Asker,
    device: DeviceIds,
    place: StrangerPlace,
  ): DeviceSocket {
    return new DeviceSocket(context, asker, device, undefined, unproven, place);
  }

  protected override sender(): Refused {
    const { applicationId, deviceId } = this.#device;
    return { applicationId, deviceId, address: this.#asker.address, isKnown: this.#grant !== undefined };
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
    if (this.#isClearing || this.#grant === undefined || this.#isGood(this.#grant)) return;
    void this.#clear();
  }

  protected take(frame: number, encoding: Encoding, bytes: Uint8Array): void {
    if (this.#grant !== undefined && !this.#isClearing && this.#isGood(this.#grant)) {
      this.context.intake.accept(this.#grant, encoding, bytes, this, frame);
      return;
    }
    // The frame's memory is the socket's again after this call.
    this.#waiting.push({ frame, encoding, bytes: bytes.slice() });
    if (!this.#isClearing) void this.#clear();
  }

  #isGood(grant: Grant): boolean {
    return grant.isGood(this.context.clock.wallMs());
  }

  #watch(): void {
    this.#stopWatching();
    if (this.#grant === undefined || !this.isOpen) return;
    this.#stopWatching = this.#grant.onEnd((reason) => this.end(CLOSE_POLICY, reason.message));
  }

  /** Has it settled whether the socket may send (again), while frames wait; then they go on, or go with it. */
  async #clear(): Promise<void> {
    this.#isClearing = true;
    if (this.isOpen && this.#grant !== undefined) await this.#askAgain(this.#grant);
    while (this.isOpen && this.#grant === undefined && this.#unproven !== undefined && this.#waiting.length > 0) {
      await this.#proveWith(this.#unproven, this.#waiting.shift() as WaitingFrame);
    }
    this.#isClearing = false;
    for (const waiting of this.#waiting.splice(0)) this.#handOver(waiting);
  }

  /** By this machine's clock the token is over; whether it is, the cloud says if it can be asked. */
  async #askAgain({ token, device }: Grant): Promise<void> {
    try {
      const asked = await this.context.authorizer.ask(token, device.applicationId, device.deviceId, this.#asker);
      this.#grant = asked.kind === 'granted' ? asked.grant : undefined;
      if (asked.kind === 'unproven') this.#unproven = asked;
      this.#watch();
    } catch (thrown) {
      const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
      if (isForGood(error)) this.end(CLOSE_POLICY, error.message);
      else for (const { frame } of this.#waiting.splice(0)) this.onRefused(frame, error);
    }
  }

  /** Proves with one frame after another until one is taken, or the cloud says no for good. */
  async #proveWith(unproven: Unproven, waiting: WaitingFrame): Promise<void> {
    const { frame, encoding, bytes } = waiting;
    try {
      const proven = await unproven.prove(encoding, bytes);
      this.#grant = proven.grant;
      this.noteProven();
      this.#watch();
      if (proven.kind === 'delivered') this.onStored(frame, proven.states);
      else this.#handOver(waiting);
    } catch (thrown) {
      const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
      this.onRefused(frame, error);
      if (isForGood(error)) this.end(CLOSE_POLICY, error.message);
    }
  }

  #handOver({ frame, encoding, bytes }: WaitingFrame): void {
    if (this.isOpen && this.#grant !== undefined) this.context.intake.accept(this.#grant, encoding, bytes, this, frame);
    else this.drop(frame);
  }
}

/** What says no to the triple, and not just to one body at one time. */
function isForGood({ status }: StatewayError): boolean {
  return status === 401 || status === 403 || status === 404;
}
