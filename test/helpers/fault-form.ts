/**
 * The fault suite has two forms: `npm test` runs the short one, seconds a test, to notice that a promise is broken;
 * `npm run test:faults` the long one, with the numbers that the promises are stated with.
 */
export const IS_LONG = process.env.FAULTS === 'long';

/** The figure for the form that runs. */
export function inForm<T>(forms: { readonly short: T; readonly long: T }): T {
  return IS_LONG ? forms.long : forms.short;
}

/** Prints what a test has measured, one line, for whoever reads the log of a run. */
export function measured(what: string, figures: Readonly<Record<string, number | string>>): void {
  const listed = Object.entries(figures).map(([name, figure]) => `${name} ${shown(figure)}`);
  process.stdout.write(`measured, ${what}: ${listed.join(', ')}\n`);
}

/** Prints why a test cannot be run here, and returns it for the runner's own report. */
export function notHere(what: string, reason: string): string {
  process.stdout.write(`not run here, ${what}: ${reason}\n`);
  return reason;
}

function shown(figure: number | string): string {
  return typeof figure === 'number' && !Number.isInteger(figure) ? figure.toFixed(2) : String(figure);
}
