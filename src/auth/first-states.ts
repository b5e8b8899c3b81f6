import type { Asker, Delivered, Granted } from '../core/auth-ports.js';
import { QUESTION_BYTES } from '../core/bounds.js';
import type { SendResult } from '../core/cloud-port.js';
import type { Device } from '../core/device.js';
import { StatewayError } from '../core/errors.js';
import type { Grant } from '../core/grant.js';
import type { Meters } from '../core/metering/meters.js';
import type { Encoding, Forwarder, ProofResult, ReadyBody, SendLater } from '../core/ports.js';
import type { Clock } from '../core/time/clock.js';
import type { IgnoredTimes } from '../core/time/cloud-window.js';
import type { DeviceClocks } from '../core/time/device-clocks.js';
import { type DenialCache, digestOf, refusalFor, tripleOf, unlessExpired } from './denial-cache.js';
import type { Grants } from './grants.js';
import type { Shares } from './shares.js';

/** How long a throttled triple proves nothing, where the cloud does not say: its whole window (docs/cloud.md, "Limits"). */
const THROTTLED_MS = 15_000;
const MAX_RETRY_AFTER_MS = 60_000;

/** A body as one request to the cloud (`src/state/single-body.ts`). */
export interface FirstBody extends ReadyBody {
  /** Undefined where the cloud keeps all of its times. */
  readonly ignoredTimes: IgnoredTimes | undefined;
}

export interface FirstStatesOptions {
  readonly grants: Grants;
  readonly shares: Pick<Shares, 'proofs'>;
  /** Resolves when every body accepted so far is on disk and with the lanes, or refused. */
  readonly accepted: () => Promise<void>;
  readonly forward: Forwarder['prove'];
  readonly clock: Clock;
  readonly meters: Meters;
  readonly deviceClocks: Pick<DeviceClocks, 'noteIgnored' | 'noteKept'>;
  /** Of the question; a proof's no is one to it as well. */
  readonly denials: DenialCache;
  /** Of proofs: that a token may not read, which refused the question, says nothing of them. */
  readonly proofDenials: DenialCache;
  /** @throws StatewayError what is wrong with the body */
  readonly bodyFor: (device: Device, encoding: Encoding, body: Uint8Array) => FirstBody;
  /** Told of a token that the cloud has called void. */
  readonly onVoidToken: (token: string, error: StatewayError) => void;
}

/** What one token is to be proven with. */
interface Attempt {
  readonly token: string;
  readonly device: Device;
  readonly first: FirstBody;
  readonly asker: Asker;
}

/**
 * Grants a token of which neither a question nor its claims tell whether it may send: its first state is forwarded before
 * it is answered, with that very token, and what the cloud says to that decides (contract 1.4). Where states wait for the
 * device, those are sent in its place, and it is stored behind them (contract 1.5). One proof at a time for each triple;
 * the others wait for its verdict. Proofs go by turns (`shares.ts`), and for a device that has a grant they wait for room
 * that its own states leave.
 */
export class FirstStates {
  readonly #options: FirstStatesOptions;
  /** By triple: rejects where the outcome counts for all; undefined where the cloud found fault with that body alone. */
  readonly #underWay = new Map<string, Promise<Grant | undefined>>();

  constructor(options: FirstStatesOptions) {
    this.#options = options;
  }

  /** See {@link Unproven.prove}. */
  async prove(
    token: string,
    device: Device,
    encoding: Encoding,
    body: Uint8Array,
    asker: Asker,
  ): Promise<Granted | Delivered> {
    const { grants, bodyFor, denials, proofDenials } = this.#options;
    // First of all, since the body's memory is not ours after the first wait.
    const first = bodyFor(device, encoding, body);
    const triple = tripleOf(token, device);
    for (;;) {
      const granted = grants.find(token, device.applicationId, device.deviceId);
      if (granted !== undefined) return { kind: 'granted', grant: granted };
      const refusal = denials.findVoid(digestOf(token)) ?? proofDenials.find(triple);
      if (refusal !== undefined) throw refusal;
      const underWay = this.#underWay.get(triple);
      if (underWay === undefined) return this.#proveOnce(triple, { token, device, first, asker });
      const grant = await underWay;
      if (grant !== undefined) return { kind: 'granted', grant };
    }
  }

  async #proveOnce(triple: string, attempt: Attempt): Promise<Granted | Delivered> {
    const proof = this.#settle(triple, attempt).finally(() => this.#underWay.delete(triple));
    const forOthers = proof.then(
      ({ grant }) => grant,
      (error: unknown) => {
        if (isAboutBody(error)) return undefined;
        throw error;
      },
    );
    // Perhaps nobody else waits for it.
    forOthers.catch(() => {});
    this.#underWay.set(triple, forOthers);
    return proof;
  }

  async #settle(triple: string, attempt: Attempt): Promise<Granted | Delivered> {
    const { meters, deviceClocks, grants, clock, shares } = this.#options;
    const { token, device, first, asker } = attempt;
    const bytes = QUESTION_BYTES + token.length + first.bytes.byteLength;
    const claimant = { address: asker.address, line: digestOf(token), bytes };
    const { result, isOfBody } = await shares.proofs.run(claimant, () => this.#forward(attempt));
    const verdict = verdictOf(result);
    if (verdict !== undefined) {
      this.#remember(triple, token, verdict);
      throw verdict.on === 'nothing' ? unlessExpired(token, clock, verdict.error) : verdict.error;
    }
    const grant = grants.add(token, device.applicationId, device.deviceId, 'first state', 'yes');
    if (!isOfBody) return { kind: 'granted', grant };
    meters.forwarded += first.states;
    if (first.ignoredTimes !== undefined) deviceClocks.noteIgnored(device, first.ignoredTimes);
    else if (first.states > 0) deviceClocks.noteKept(device.key);
    return { kind: 'delivered', grant, states: first.states };
  }

  async #forward({ token, device, first }: Attempt): Promise<ProofResult> {
    const { accepted, forward, grants } = this.#options;
    // What was accepted before it is to go before it, too.
    await accepted();
    return forward(device, token, first, grants.hasSender(device));
  }

  /** Of a verdict on the body, or on nothing, there is nothing to be known for the next one. */
  #remember(triple: string, token: string, { on, error, forMs }: Verdict): void {
    const { denials, proofDenials, onVoidToken } = this.#options;
    if (on === 'token') onVoidToken(token, error);
    if (on === 'pace' || on === 'triple') proofDenials.add(triple, error, forMs);
    if (on === 'triple') denials.add(triple, error);
  }
}

/** What the cloud has against a first state, and what that is a verdict on: `token` for every device, `nothing` where it has said nothing. */
interface Verdict {
  readonly on: 'triple' | 'token' | 'body' | 'pace' | 'nothing';
  /** For its sender. */
  readonly error: StatewayError;
  /** How long it holds, where that is not the usual time. */
  readonly forMs?: number;
}

/** What the cloud's answer to a first state means; undefined: taken. */
function verdictOf(result: SendResult | SendLater): Verdict | undefined {
  if (result.kind === 'later')
    return onPace('requests for this device have to wait, for its rate limit or for the cloud', result.afterMs);
  if (result.kind === 'failure') return onNothing('the cloud cannot be asked');
  const { status, message, retryAfterMs } = result;
  if (status >= 200 && status < 300) return undefined;
  if (status === 429) return onPace(message || 'the cloud has had too many requests', retryAfterMs ?? THROTTLED_MS);
  if (status === 400 || status === 422) {
    const words = message || 'the cloud refuses the state';
    return { on: 'body', error: new StatewayError('STATEWAY_INVALID_STATE', words) };
  }
  if (status === 413) {
    const words = message || 'the cloud finds the body too large';
    return { on: 'body', error: new StatewayError('STATEWAY_BODY_TOO_LARGE', words) };
  }
  const refusal = refusalFor(status, message);
  if (refusal === undefined) return onNothing(`the cloud answered ${status}`);
  return { on: status === 401 ? 'token' : 'triple', error: refusal };
}

function onPace(message: string, afterMs: number): Verdict {
  const retryAfterSeconds = Math.ceil(Math.min(afterMs, MAX_RETRY_AFTER_MS) / 1000);
  const error = new StatewayError('STATEWAY_CLOUD_THROTTLED', message, { retryAfterSeconds });
  return { on: 'pace', error, forMs: retryAfterSeconds * 1_000 };
}

function onNothing(why: string): Verdict {
  const words = `only its first state can show whether the token may send, and that must reach the cloud: ${why}`;
  return { on: 'nothing', error: new StatewayError('STATEWAY_CLOUD_UNREACHABLE', words) };
}

/** Whether an error is of the body that was sent, and so says nothing of the token. */
function isAboutBody(error: unknown): boolean {
  if (!(error instanceof StatewayError)) return false;
  return error.code === 'STATEWAY_INVALID_STATE' || error.code === 'STATEWAY_BODY_TOO_LARGE';
}
