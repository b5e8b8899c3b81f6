/** Names that are this many edits apart are taken for a slip of the keyboard. */
const MAX_SLIPS = 3;

/** What Kubernetes adds to every pod for a Service called `stateway` (its documentation, "Accessing the Service"). */
const SERVICE_LINK = /^STATEWAY_(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT(?:_\d+_(?:TCP|UDP|SCTP)(?:_.+)?)?)$/;

/** One line about a `STATEWAY_*` name that no option has: what it may have been meant to be. */
export function explainUnknownVariable(name: string, known: Iterable<string>): string {
  if (SERVICE_LINK.test(name)) {
    return `${name} is not an option; Kubernetes sets it for a Service named stateway unless the pod has enableServiceLinks: false`;
  }
  const closest = [...known]
    .map((candidate) => ({ candidate, slips: editDistance(name, candidate) }))
    .sort((a, b) => a.slips - b.slips)[0];
  const hint = closest !== undefined && closest.slips <= MAX_SLIPS ? `; did you mean ${closest.candidate}?` : '';
  return `${name} is not an option${hint || '; docs/configuration.md lists those there are'}`;
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const substituted = (previous[column - 1] as number) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const inserted = (current[column - 1] as number) + 1;
      const deleted = (previous[column] as number) + 1;
      current.push(Math.min(substituted, inserted, deleted));
    }
    previous = current;
  }
  return previous[b.length] as number;
}
