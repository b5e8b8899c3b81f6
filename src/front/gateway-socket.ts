import { asStatewayError, StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Encoding } from '../core/ports.js';
import { namedDevices } from '../state/gateway-frame.js';
import { FrameSocket } from './frame-socket.js';
import type { FrontContext } from './front-context.js';

interface WaitingFrame {
  readonly frame: number;
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
  readonly deviceIds: readonly string[];
}

/**
 * A WebSocket at `/applications/:applicationId/state`: each frame names the devices it is for, and each (token,
 * application, device) must be granted (DESIGN 1.3). While a frame waits for the cloud to say so, those behind it wait
 * too, so that a device's states keep their order; what waits counts under the front's bound.
 */
export class GatewaySocket extends FrameSocket {
  readonly #token: string;
  readonly #applicationId: string;
  #waiting: WaitingFrame[] = [];
  #isServing = false;

  constructor(context: FrontContext, token: string, applicationId: string) {
    super(context);
    this.#token = token;
    this.#applicationId = applicationId;
  }

  protected take(frame: number, encoding: Encoding, bytes: Uint8Array): void {
    let deviceIds: readonly string[];
    try {
      deviceIds = namedDevices(encoding, bytes);
    } catch (error) {
      this.onRefused(frame, asStatewayError(error, 'STATEWAY_MALFORMED_BODY', 'the frame cannot be read'));
      return;
    }
    if (deviceIds.length === 0) {
      this.onStored(frame, 0);
      return;
    }
    const grants = this.#isServing ? undefined : this.#grantsAtHand(deviceIds);
    if (grants !== undefined) {
      this.context.intake.acceptForMany(grants, encoding, bytes, this, frame);
      return;
    }
    // The frame's memory is the socket's again after this call.
    this.#waiting.push({ frame, encoding, bytes: bytes.slice(), deviceIds });
    if (!this.#isServing) void this.#serveWaiting();
  }

  #grantsAtHand(deviceIds: readonly string[]): Grant[] | undefined {
    const grants: Grant[] = [];
    for (const deviceId of deviceIds) {
      const grant = this.context.authorizer.find(this.#token, this.#applicationId, deviceId);
      if (grant === undefined) return undefined;
      grants.push(grant);
    }
    return grants;
  }

  async #serveWaiting(): Promise<void> {
    this.#isServing = true;
    while (this.#waiting.length > 0) {
      // Taken from the end of a reversed list, as taking from the front of a long one moves all the rest each time.
      const waiting = this.#waiting.reverse();
      this.#waiting = [];
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await this.#serve(next);
    }
    this.#isServing = false;
  }

  async #serve({ frame, encoding, bytes, deviceIds }: WaitingFrame): Promise<void> {
    try {
      const grants = this.isOpen ? await this.#askForAll(deviceIds) : [];
      // Nobody waits for the answer any more, and where the proxy is being stopped the intake may be closed by now.
      if (!this.isOpen) this.drop(frame);
      else this.context.intake.acceptForMany(grants, encoding, bytes, this, frame);
    } catch (error) {
      this.onRefused(frame, asStatewayError(error, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked'));
    }
  }

  #askForAll(deviceIds: readonly string[]): Promise<Grant[]> {
    return Promise.all(
      deviceIds.map((deviceId) =>
        this.context.authorizer.ask(this.#token, this.#applicationId, deviceId).catch((error: unknown) => {
          throw forbidden(deviceId, error);
        }),
      ),
    );
  }
}

/** A device without a grant is Forbidden whatever the cloud called it (DESIGN 1.3); what may pass stays as it is. */
function forbidden(deviceId: string, error: unknown): unknown {
  if (!(error instanceof StatewayError) || error.retryable) return error;
  return new StatewayError('STATEWAY_NOT_GRANTED', `device ${deviceId} is not granted: ${error.message}`, {
    cause: error,
  });
}
