/** What a PromQL expression asks for, as far as names go. */
export interface Asked {
  /** Each selector: a metric and the matchers on it. */
  readonly selectors: readonly Selector[];
  /** Labels that it is grouped or joined by. */
  readonly grouping: readonly string[];
}

export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** A string, a range, the matchers of a selector, a name, a number with or without a unit, or one other character. */
const TOKEN = /"(?:\\.|[^"\\])*"|\[[^\]]*\]|\{[^}]*\}|[a-zA-Z_:][a-zA-Z0-9_:]*|\d[\w.]*|\S/g;
const NAME = /^[a-zA-Z_:]/;
const MATCHER = /([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*"((?:\\.|[^"\\])*)"/g;
const GROUPING = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const OPERATORS = new Set(['and', 'or', 'unless', 'bool', 'offset']);

/**
 * The names in an expression that is known to be valid PromQL (promtool says so): a name before a parenthesis, or before
 * `by` and `without`, is a function; the names in the parenthesis after `by` and its like are labels; every other is a
 * metric.
 */
export function askedBy(expression: string): Asked {
  const tokens = expression.match(TOKEN) ?? [];
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i] as string;
    if (!NAME.test(token) || OPERATORS.has(token)) continue;
    const next = tokens[i + 1] ?? '';
    if (GROUPING.has(token)) {
      if (next !== '(') continue;
      for (i += 2; tokens[i] !== ')'; i++) if (tokens[i] !== ',') grouping.push(tokens[i] as string);
    } else if (!['(', 'by', 'without'].includes(next)) {
      selectors.push({ metric: token, matchers: next.startsWith('{') ? matchersIn(next) : [] });
    }
  }
  return { selectors, grouping };
}

function matchersIn(braces: string): Matcher[] {
  return [...braces.matchAll(MATCHER)].map(([, label, operator, value]) => ({
    label: label as string,
    operator: operator as string,
    value: value as string,
  }));
}
