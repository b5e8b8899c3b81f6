import type { SubjectName } from '../subjects/subject.js';
import type { BenchContext } from './bench.js';

/**
 * Measures each subject once, then each again, as often as there are runs: what the machine does meanwhile befalls them
 * all alike. Who comes first changes from round to round.
 */
export async function byTurns<Subject extends { readonly name: SubjectName }>(
  { runs, say }: BenchContext,
  scenario: string,
  subjects: readonly Subject[],
  measure: (subject: Subject) => Promise<void>,
): Promise<void> {
  for (let run = 0; run < runs; run++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const subject = subjects[(run + turn) % subjects.length] as Subject;
      say(`${scenario}, run ${run + 1} of ${runs}: ${subject.name}`);
      await measure(subject);
    }
  }
}
