import { KNOWN_LOG_IN_BOUNDS, LOG_IN_BOUNDS, PROOF_BOUNDS, QUESTION_BOUNDS } from '../core/bounds.js';
import type { AskResult, LogInResult } from '../core/cloud-port.js';
import type { ProofResult } from '../core/ports.js';
import type { Clock } from '../core/time/clock.js';
import { FairQueue, type Verdict } from './fair-queue.js';
import { Standings } from './standings.js';

/** The shares of what the cloud is asked for, each with its own bounds: none of them ever stands behind another. */
export class Shares {
  readonly questions: FairQueue<AskResult>;
  readonly proofs: FairQueue<ProofResult>;
  readonly logIns: FairQueue<LogInResult>;
  readonly knownLogIns: FairQueue<LogInResult>;

  constructor(clock: Clock) {
    const shared = { clock, standings: new Standings(clock) };
    this.questions = new FairQueue({ ...shared, ...QUESTION_BOUNDS, judge: verdictOfQuestion });
    this.proofs = new FairQueue({ ...shared, ...PROOF_BOUNDS, judge: verdictOfProof });
    const ofLogIns = { ...shared, judge: verdictOfLogIn, isOpenAtFirst: true };
    this.logIns = new FairQueue({ ...ofLogIns, ...LOG_IN_BOUNDS });
    this.knownLogIns = new FairQueue({ ...ofLogIns, ...KNOWN_LOG_IN_BOUNDS });
  }

  /** Nothing waits any more, and nothing begins. */
  close(): void {
    this.questions.close();
    this.proofs.close();
    this.logIns.close();
    this.knownLogIns.close();
  }
}

const VOID: Verdict = { isYes: false, line: 'ends' };
/** The others of its line need not be asked for to be told the same. */
const NO_ANSWER: Verdict = { isYes: undefined, line: 'ends' };
const NOTHING: Verdict = { isYes: undefined, line: 'stays' };

function verdictOfQuestion(answer: AskResult): Verdict {
  if (answer.kind === 'failure') return NO_ANSWER;
  const { status } = answer;
  if (status === 401) return VOID;
  if (isTaken(status)) return { isYes: true, line: 'opens' };
  // A token that may send and not read is as good as any.
  if (status === 403) return { isYes: undefined, line: 'opens' };
  return status === 404 ? { isYes: false, line: 'opens' } : NO_ANSWER;
}

function verdictOfProof({ result }: ProofResult): Verdict {
  if (result.kind === 'later') return NOTHING;
  if (result.kind === 'failure') return NO_ANSWER;
  const { status } = result;
  if (status === 401) return VOID;
  if (isTaken(status)) return { isYes: true, line: 'opens' };
  return status === 403 || status === 404 ? { isYes: false, line: 'stays' } : NOTHING;
}

function verdictOfLogIn(result: LogInResult): Verdict {
  if (result.kind === 'failure') return NOTHING;
  if (result.authed !== undefined) return { isYes: true, line: 'opens' };
  const { status } = result.answer;
  return status === 401 || status === 403 || status === 404 ? { isYes: false, line: 'stays' } : NOTHING;
}

function isTaken(status: number): boolean {
  return status >= 200 && status < 300;
}
