import type { SendResult } from '../core/cloud-port.js';
import { Device, ID_BYTES } from '../core/device.js';
import type { Forwarder, ProofResult, ReadyBody } from '../core/ports.js';
import type { OwnedSpool, Partitions } from '../core/spool-ports.js';
import type { Clock } from '../core/time/clock.js';
import { ByteReader, ByteWriter } from './ledger/bytes.js';
import { ownerSubject, partitionOf } from './subjects.js';
import type { Talk } from './talk.js';

/** The owner reads what stands in the log before a proof begins; if that takes longer, much waits. */
const READ_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 10;
/** As long as a proof may wait for its turn, and the cloud for an answer. */
const ANSWER_WITHIN_MS = 10_000;

const NOBODY: SendResult = {
  kind: 'failure',
  mayArriveLater: false,
  openMs: 0,
  reason: 'timeout',
  words: 'the replica that sends on what this device reports cannot be asked',
};

/** A proof as it is asked for: see {@link Forwarder.prove}. */
export interface ProofQuestion {
  readonly device: Device;
  readonly token: string;
  readonly body: ReadyBody;
  readonly isServed: boolean;
}

export interface OwnerProofsParts {
  readonly talk: Talk;
  readonly clock: Clock;
  readonly partitions: number;
  readonly ownedOf: Partitions['ownedOf'];
  /** Sequence of the last record of a partition, by the word of the servers. */
  readonly lastSequence: (partition: number) => Promise<number>;
  /** Of this process, for devices of partitions that it owns. */
  readonly prove: Forwarder['prove'];
}

/**
 * Has the owner of a device's partition prove a token: it alone may send for the device, and knows what waits. What any replica
 * has accepted for the device before goes first, so the owner reads the log to its end before it begins.
 */
export class OwnerProofs {
  readonly #parts: OwnerProofsParts;
  #endListening: (() => void)[] = [];

  constructor(parts: OwnerProofsParts) {
    this.#parts = parts;
  }

  /** Answers other replicas from now on. */
  start(): void {
    const { partitions, talk } = this.#parts;
    this.#endListening = Array.from({ length: partitions }, (_, partition) =>
      talk.listen(ownerSubject(partition), (payload, answer) => {
        const question = decodeQuestion(payload);
        if (question === undefined || answer === undefined) return;
        const owned = this.#parts.ownedOf(question.device);
        if (owned === undefined) return;
        void this.#proveHere(owned, question).then((result) => answer(encodeResult(result)));
      }),
    );
  }

  stop(): void {
    for (const end of this.#endListening.splice(0)) end();
  }

  /** As {@link Forwarder.prove}, for a device of any partition. */
  async prove(device: Device, token: string, body: ReadyBody, isServed: boolean): Promise<ProofResult> {
    const question = { device, token, body, isServed };
    const owned = this.#parts.ownedOf(device);
    if (owned !== undefined) return this.#proveHere(owned, question);
    const { partitions, talk } = this.#parts;
    const subject = ownerSubject(partitionOf(device.idBytes, partitions));
    const answer = await talk.ask(subject, encodeQuestion(question), ANSWER_WITHIN_MS);
    return (answer && decodeResult(answer)) ?? { result: NOBODY, isOfBody: false };
  }

  async #proveHere(owned: OwnedSpool, { device, token, body, isServed }: ProofQuestion): Promise<ProofResult> {
    if (!(await this.#hasReadAll(owned, device))) return { result: NOBODY, isOfBody: false };
    return this.#parts.prove(device, token, body, isServed);
  }

  /** Whether all that was accepted for the device by now is with its lane, at once or before long. */
  async #hasReadAll(owned: OwnedSpool, device: Device): Promise<boolean> {
    const { clock, lastSequence, partitions } = this.#parts;
    const endMs = clock.monotonicMs() + READ_WITHIN_MS;
    let last: number;
    try {
      last = await lastSequence(partitionOf(device.idBytes, partitions));
    } catch {
      return false;
    }
    while (owned.lastRead < last) {
      if (clock.monotonicMs() > endMs) return false;
      await new Promise<void>((resolve) => void clock.schedule(LOOK_EVERY_MS, resolve));
    }
    return true;
  }
}

export function encodeQuestion({ device, token, body, isServed }: ProofQuestion): Uint8Array {
  const out = new ByteWriter();
  out.raw(device.idBytes);
  out.uint(isServed ? 1 : 0);
  out.text(token);
  out.uint(body.states);
  out.raw(body.bytes);
  return out.written;
}

/** Undefined where it is none. */
export function decodeQuestion(payload: Uint8Array): ProofQuestion | undefined {
  try {
    const input = new ByteReader(payload);
    const device = Device.fromBytes(input.raw(2 * ID_BYTES), 0);
    const isServed = input.uint() === 1;
    const token = input.text();
    const states = input.uint();
    return { device, isServed, token, body: { states, bytes: Uint8Array.from(input.raw(input.left)) } };
  } catch {
    return undefined;
  }
}

/** Readings of this machine's clock say nothing on another. */
function encodeResult({ result, isOfBody }: ProofResult): Uint8Array {
  const told = result.kind === 'answer' ? { ...result, cloudDate: undefined, trace: undefined } : result;
  return Buffer.from(JSON.stringify({ result: told, isOfBody }));
}

/** Undefined where it is none. */
function decodeResult(payload: Uint8Array): ProofResult | undefined {
  try {
    const { result, isOfBody } = JSON.parse(Buffer.from(payload).toString()) as Partial<ProofResult>;
    if (result === undefined || typeof isOfBody !== 'boolean') return undefined;
    const isAnswer = result.kind === 'answer' && Number.isInteger(result.status);
    return isAnswer || result.kind === 'later' || result.kind === 'failure' ? { result, isOfBody } : undefined;
  } catch {
    return undefined;
  }
}
