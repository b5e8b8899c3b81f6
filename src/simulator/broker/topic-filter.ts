/** Topics and filters of MQTT 3.1.1, clause 4.7: levels between `/`, `+` for one level, `#` for all that follow. */

/** Whether every topic of the filter `inner`, which may be a plain topic, is one of `outer`. */
export function covers(outer: string, inner: string): boolean {
  const outerLevels = outer.split('/');
  const innerLevels = inner.split('/');
  for (const [index, level] of outerLevels.entries()) {
    // `a/#` is `a` too (4.7.1.2).
    if (level === '#') return innerLevels.length >= index;
    const other = innerLevels[index];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return innerLevels.length === outerLevels.length;
}

/** Whether some topic is one of both filters. */
export function overlap(one: string, other: string): boolean {
  const [shorter, longer] = [one.split('/'), other.split('/')].sort((a, b) => a.length - b.length) as [
    string[],
    string[],
  ];
  for (const [index, level] of shorter.entries()) {
    const against = longer[index];
    if (level === '#' || against === '#') return true;
    if (level !== '+' && against !== '+' && level !== against) return false;
  }
  return longer.length === shorter.length || longer[shorter.length] === '#';
}
