import { randomBytes } from 'node:crypto';
import { headers, type MsgHdrs } from '@nats-io/transport-node';
import type { Append, AppendOutcome } from '../ledger-log.js';
import { API_ERRORS, type ApiError } from './api.js';
import type { NatsLink, Reply } from './link.js';

const decoder = new TextDecoder();
/** The description of an error that tells a limit from a disk that fails; both have one number. */
const LIMIT_PATTERN = /^maximum (?:bytes|messages)/;

interface PublishAck {
  readonly seq?: number;
  readonly error?: ApiError;
}

/** Appends a message, as the last one of its subject if that is asked, alone or together with others. */
export async function appendTo(link: NatsLink, append: Append, timeoutMs?: number): Promise<AppendOutcome> {
  const { subject, payload, beside = [] } = append;
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  if (beside.length === 0) {
    const own = append.after === undefined && append.isRollup !== true ? {} : { headers: headersOf(append) };
    return outcomeOf(await link.request(subject, payload, { ...options, ...own }));
  }
  // What is sent in parts is cut off by a connection that breaks, and then counts as nothing.
  if (!link.isUp) return { outcome: 'again', reason: 'not connected' };
  const batch = randomBytes(12).toString('hex');
  for (const [index, message] of beside.entries()) {
    link.send(message.subject, message.payload, inBatch(headers(), batch, index + 1));
  }
  const last = inBatch(headersOf(append), batch, beside.length + 1);
  last.set('Nats-Batch-Commit', '1');
  return outcomeOf(await link.request(subject, payload, { ...options, headers: last }));
}

/** What the answer to a published message means for whoever sent it. */
export function outcomeOf(reply: Reply): AppendOutcome {
  if (!reply.isAnswered) return { outcome: 'again', reason: reply.reason };
  const { seq, error } = JSON.parse(decoder.decode(reply.payload)) as PublishAck;
  if (error === undefined) {
    return seq === undefined || seq === 0
      ? { outcome: 'again', reason: 'an acknowledgement without a sequence' }
      : { outcome: 'stored', sequence: seq };
  }
  return outcomeOfError(error);
}

function outcomeOfError({ err_code: code, description }: ApiError): AppendOutcome {
  switch (code) {
    case API_ERRORS.wrongLastSequence:
    case API_ERRORS.wrongLastSequenceUnderWay:
      return { outcome: 'conflict' };
    case API_ERRORS.insufficientResources:
    case API_ERRORS.insufficientStorage:
      return { outcome: 'full' };
    case API_ERRORS.storeFailed:
      if (LIMIT_PATTERN.test(description)) return { outcome: 'full' };
  }
  return { outcome: 'again', reason: `${code} ${description}` };
}

/** Made anew for each message: the client writes into what it is given. */
function headersOf({ after, isRollup }: Append): MsgHdrs {
  const made = headers();
  if (after !== undefined) made.set('Nats-Expected-Last-Subject-Sequence', String(after));
  if (isRollup === true) made.set('Nats-Rollup', 'sub');
  return made;
}

function inBatch(made: MsgHdrs, batch: string, sequence: number): MsgHdrs {
  made.set('Nats-Batch-Id', batch);
  made.set('Nats-Batch-Sequence', String(sequence));
  return made;
}
