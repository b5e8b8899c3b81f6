import type { Asker, Granted, Unproven } from '../../core/auth-ports.js';
import { MAX_NEW_DEVICES_OF_FRAME, MAX_NEW_DEVICES_OF_SOCKET } from '../../core/bounds.js';
import { StatewayError } from '../../core/errors.js';
import type { Grant } from '../../core/grant.js';
import type { FrontContext } from '../front-context.js';

/** The devices of a frame: the grants of those that are known here, as far as it was looked, and the ids of the others. */
export interface SortedDevices {
  readonly grants: readonly Grant[];
  readonly newIds: readonly string[];
}

/**
 * What a gateway's socket has asked of the cloud: which of the devices that its frames name may it send for? Each is a
 * question, and a frame has room for some thousands of them, so they are bounded: for a frame, and for a socket.
 *
 * A frame beyond the bound is refused as Unavailable, and the first of its new devices are asked for all the same: a gateway
 * of more devices that sends it again is let in in the end.
 */
export class NewDevices {
  readonly #context: FrontContext;
  readonly #token: string;
  readonly #applicationId: string;
  readonly #asker: Asker;
  /** Named by frames that wait. */
  #waiting = 0;
  #isAskingAhead = false;
  /** Of those that were asked for ahead, one that may not be sent for. */
  #refused: { readonly deviceId: string; readonly error: unknown } | undefined = undefined;

  constructor(context: FrontContext, token: string, applicationId: string, asker: Asker) {
    this.#context = context;
    this.#token = token;
    this.#applicationId = applicationId;
    this.#asker = asker;
  }

  /** Why no device at all can come to be granted; undefined while one can. */
  refusalOfAll(): StatewayError | undefined {
    const error = this.#context.authorizer.findVoid(this.#token);
    if (error === undefined) return undefined;
    return new StatewayError('STATEWAY_NOT_GRANTED', `the token is not granted: ${error.message}`, { cause: error });
  }

  /** Looks no further than one device beyond the bound. */
  sort(deviceIds: readonly string[]): SortedDevices {
    const grants: Grant[] = [];
    const newIds: string[] = [];
    for (const deviceId of deviceIds) {
      const grant = this.#context.authorizer.find(this.#token, this.#applicationId, deviceId);
      if (grant !== undefined) grants.push(grant);
      else if (newIds.push(deviceId) > MAX_NEW_DEVICES_OF_FRAME) break;
    }
    return { grants, newIds };
  }

  /**
   * Has a frame's new devices wait.
   * @param newIds all of them
   * @param addedIds those that no other frame waits for
   * @throws StatewayError where they are too many, or it is known from before that one of them may not be sent for
   */
  begin(newIds: readonly string[], addedIds: readonly string[]): void {
    if (newIds.length > MAX_NEW_DEVICES_OF_FRAME) {
      const error = this.#refusalOf(newIds) ?? tooMany(`a frame may name ${MAX_NEW_DEVICES_OF_FRAME}`);
      void this.#askAhead(newIds.slice(0, MAX_NEW_DEVICES_OF_FRAME));
      throw error;
    }
    if (this.#waiting + addedIds.length > MAX_NEW_DEVICES_OF_SOCKET) {
      throw tooMany(`the frames that wait on a socket may name ${MAX_NEW_DEVICES_OF_SOCKET}`);
    }
    this.#waiting += addedIds.length;
  }

  /** To be called once for each {@link NewDevices.begin} that did not throw, with as many as were added. */
  end(added: number): void {
    this.#waiting -= added;
  }

  /** @throws StatewayError Forbidden, with the device, where the cloud says no; Unavailable */
  ask(deviceId: string): Promise<Granted | Unproven> {
    const asked = this.#context.authorizer.ask(this.#token, this.#applicationId, deviceId, this.#asker);
    return asked.catch((error: unknown) => {
      throw forbidden(deviceId, error);
    });
  }

  #refusalOf(deviceIds: readonly string[]): unknown {
    const refused = this.#refused;
    this.#refused = undefined;
    return refused !== undefined && deviceIds.includes(refused.deviceId) ? refused.error : undefined;
  }

  async #askAhead(deviceIds: readonly string[]): Promise<void> {
    if (this.#isAskingAhead) return;
    this.#isAskingAhead = true;
    await Promise.all(
      deviceIds.map((deviceId) =>
        this.ask(deviceId).catch((error: unknown) => {
          if (error instanceof StatewayError && !error.retryable) this.#refused = { deviceId, error };
        }),
      ),
    );
    this.#isAskingAhead = false;
  }
}

/** A device without a grant is Forbidden whatever the cloud called it (contract 1.3); all else stays as it is. */
export function forbidden(deviceId: string, error: unknown): unknown {
  if (!(error instanceof StatewayError)) return error;
  const isRefusal = error.status === 401 || error.status === 403 || error.status === 404;
  if (!isRefusal) return error;
  return new StatewayError('STATEWAY_NOT_GRANTED', `device ${deviceId} is not granted: ${error.message}`, {
    cause: error,
  });
}

function tooMany(bound: string): StatewayError {
  return new StatewayError(
    'STATEWAY_TOO_MANY_NEW_DEVICES',
    `${bound} devices that are not known here yet; the first of them are being checked: send the frame again, or name fewer`,
  );
}
