import type { Asker, Delivered, Granted, Unproven } from '../../core/auth-ports.js';
import { asStatewayError, StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { Refused } from '../../core/metering/refusal-ring.js';
import type { Encoding } from '../../core/ports.js';
import { ownDeviceOf } from '../../core/token.js';
import { GatewayFrame, type NamedStates } from '../../state/gateway-frame.js';
import type { FrontContext } from '../front-context.js';
import type { StrangerPlace } from '../stranger-sockets.js';
import { CLOSE_POLICY, FrameSocket } from './frame-socket.js';
import { forbidden, NewDevices } from './new-devices.js';

interface WaitingFrame {
  readonly frame: number;
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
  readonly deviceIds: readonly string[];
  /** Of them, those that the cloud is asked for on its account. */
  readonly added: number;
}

/** What is to be stored of a frame once its devices are cleared. */
interface Cleared {
  /** Of the devices whose states are left; none: nothing is. */
  readonly grants: readonly Grant[];
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
  /** States of it that have gone to the cloud as proofs. */
  readonly delivered: number;
}

/**
 * A WebSocket at `/applications/:applicationId/state`: each frame names the devices it is for, and each (token,
 * application, device) must be granted (contract 1.3). While a frame waits for the cloud to say so, those behind it that
 * share a device with it wait too, so that a device's states keep their order; all others pass. What waits counts under
 * the front's bound.
 *
 * The end of one grant is the end of that device's frames. When the cloud calls the token itself void, or it has expired,
 * none is left, and the socket is closed.
 */
export class GatewaySocket extends FrameSocket {
  readonly #token: string;
  readonly #applicationId: string;
  /** By its token; '' of one that names no device. */
  readonly #gatewayId: string;
  readonly #asker: Asker;
  readonly #newDevices: NewDevices;
  /** By device, the end of the last frame that waits and names it. */
  readonly #waiting = new Map<string, Promise<void>>();
  /** One of the grants in use, by which the socket learns of the end of its token even when no frame comes. */
  #watched: Grant | undefined = undefined;
  #isAskingAgain = false;
  #stopWatching: () => void = () => {};

  /** @param place where its token has no grant here */
  constructor(
    context: FrontContext,
    token: string,
    applicationId: string,
    asker: Asker,
    place: StrangerPlace | undefined,
  ) {
    super(context, place);
    this.#token = token;
    this.#applicationId = applicationId;
    this.#gatewayId = ownDeviceOf(token) ?? '';
    this.#asker = asker;
    this.#newDevices = new NewDevices(context, token, applicationId, asker);
  }

  /** A frame may be for many devices: it is its gateway's, and where one of them is the reason, the message names it. */
  protected override sender(): Refused {
    const isKnown = this.#watched !== undefined;
    return { applicationId: this.#applicationId, deviceId: this.#gatewayId, address: this.#asker.address, isKnown };
  }

  override closed(): void {
    super.closed();
    this.#stopWatching();
  }

  override tick(): void {
    const watched = this.#watched;
    if (watched === undefined || this.#isAskingAgain || watched.isGood(this.context.clock.wallMs())) return;
    void this.#askAgain(watched);
  }

  protected take(frame: number, encoding: Encoding, bytes: Uint8Array): void {
    try {
      // Where nothing was ever granted, what a void token brings is not even read.
      const refusal = this.#watched === undefined ? this.#newDevices.refusalOfAll() : undefined;
      if (refusal !== undefined) throw refusal;
      this.#takeFor(GatewayFrame.decode(encoding, bytes).deviceIds(), frame, encoding, bytes);
    } catch (error) {
      this.onRefused(frame, asStatewayError(error, 'STATEWAY_MALFORMED_BODY', 'the frame cannot be read'));
    }
  }

  #takeFor(deviceIds: readonly string[], frame: number, encoding: Encoding, bytes: Uint8Array): void {
    if (deviceIds.length === 0) {
      this.onStored(frame, 0);
      return;
    }
    const before = this.#before(deviceIds);
    const { grants, newIds } = this.#newDevices.sort(deviceIds);
    if (before.length === 0 && newIds.length === 0) {
      this.#handOver(grants, frame, encoding, bytes);
      return;
    }
    const addedIds = newIds.filter((deviceId) => !this.#waiting.has(deviceId));
    this.#newDevices.begin(newIds, addedIds);
    // The frame's memory is the socket's again after this call.
    this.#wait(before, { frame, encoding, bytes: bytes.slice(), deviceIds, added: addedIds.length });
  }

  #handOver(grants: readonly Grant[], frame: number, encoding: Encoding, bytes: Uint8Array): void {
    this.noteProven();
    if (this.#watched === undefined) this.#watch(grants[0] as Grant);
    this.context.intake.acceptForMany(grants, encoding, bytes, this, frame);
  }

  /** By this machine's clock the token is over; whether it is, the cloud says if it can be asked. */
  async #askAgain({ device }: Grant): Promise<void> {
    this.#isAskingAgain = true;
    try {
      const asked = await this.context.authorizer.ask(this.#token, this.#applicationId, device.deviceId, this.#asker);
      if (asked.kind === 'granted' && this.isOpen) this.#watch(asked.grant);
    } catch (error) {
      if (error instanceof StatewayError && error.status === 401) this.end(CLOSE_POLICY, error.message);
    }
    this.#isAskingAgain = false;
  }

  #watch(grant: Grant): void {
    this.#stopWatching();
    this.#watched = grant;
    this.#stopWatching = grant.onEnd((reason) => {
      this.#watched = undefined;
      if (reason.code === 'STATEWAY_TOKEN_REFUSED') this.end(CLOSE_POLICY, reason.message);
    });
  }

  #before(deviceIds: readonly string[]): Promise<void>[] {
    if (this.#waiting.size === 0) return [];
    return deviceIds.flatMap((deviceId) => this.#waiting.get(deviceId) ?? []);
  }

  #wait(before: readonly Promise<void>[], waiting: WaitingFrame): void {
    const served = this.#serve(before, waiting).then(() => {
      this.#newDevices.end(waiting.added);
      for (const deviceId of waiting.deviceIds) {
        if (this.#waiting.get(deviceId) === served) this.#waiting.delete(deviceId);
      }
    });
    for (const deviceId of waiting.deviceIds) this.#waiting.set(deviceId, served);
  }

  async #serve(before: readonly Promise<void>[], waiting: WaitingFrame): Promise<void> {
    const { frame } = waiting;
    if (before.length > 0) await Promise.all(before);
    if (!this.isOpen) {
      this.drop(frame);
      return;
    }
    try {
      const { grants, encoding, bytes, delivered } = await this.#clear(waiting);
      if (grants.length === 0) {
        this.noteProven();
        this.onStored(frame, delivered);
        return;
      }
      this.context.meters.received.websocket.accepted += delivered;
      // Nobody waits for the answer any more, and where the proxy is being stopped the intake may be closed by now.
      if (!this.isOpen) this.drop(frame);
      else this.#handOver(grants, frame, encoding, bytes);
    } catch (error) {
      this.onRefused(frame, asStatewayError(error, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked'));
    }
  }

  /** All are asked for before any state is sent as a proof. */
  async #clear({ encoding, bytes, deviceIds }: WaitingFrame): Promise<Cleared> {
    const asked = await Promise.all(deviceIds.map((id) => this.#newDevices.ask(id)));
    if (asked.some(({ kind }) => kind === 'unproven')) return this.#prove(deviceIds, asked, encoding, bytes);
    return { grants: asked.map((answer) => (answer as Granted).grant), encoding, bytes, delivered: 0 };
  }

  /**
   * Settles the devices of a frame whose token may or may not send for them (contract 1.4), each with its own states of
   * the frame, one after another: the first no ends it, so that as little as can be has left of a frame that is refused.
   */
  async #prove(
    deviceIds: readonly string[],
    asked: readonly (Granted | Unproven)[],
    encoding: Encoding,
    bytes: Uint8Array,
  ): Promise<Cleared> {
    // All of them are looked at before anything leaves.
    const states = GatewayFrame.decode(encoding, bytes).states();
    const grants: Grant[] = [];
    const provenIds = new Set<string>();
    let delivered = 0;
    for (const [index, deviceId] of deviceIds.entries()) {
      const answer = asked[index] as Granted | Unproven;
      const cleared = answer.kind === 'granted' ? answer : await this.#proveOne(deviceId, answer, states, provenIds);
      if (cleared.kind === 'granted') {
        grants.push(cleared.grant);
        continue;
      }
      delivered += cleared.states;
      provenIds.add(deviceId);
    }
    if (provenIds.size === 0) return { grants, encoding, bytes, delivered };
    return { grants, encoding: 'json', bytes: states.without(provenIds), delivered };
  }

  async #proveOne(
    deviceId: string,
    unproven: Unproven,
    states: NamedStates,
    provenIds: ReadonlySet<string>,
  ): Promise<Granted | Delivered> {
    try {
      return await unproven.prove('json', states.bodyOf(deviceId));
    } catch (error) {
      throw withDelivered(provenIds, forbidden(deviceId, error));
    }
  }
}

/** A frame is refused whole, but for the proofs that the cloud has taken by then: its client is told of them. */
function withDelivered(provenIds: ReadonlySet<string>, error: unknown): unknown {
  if (provenIds.size === 0 || !(error instanceof StatewayError)) return error;
  const message = `${error.message}; of the frame's devices before it, the cloud has taken the states of ${provenIds.size}`;
  return new StatewayError(error.code, message, { cause: error, ...retryAfterOf(error) });
}

function retryAfterOf({ retryAfterSeconds }: StatewayError): { retryAfterSeconds?: number } {
  return retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
}
