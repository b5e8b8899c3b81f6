/** A result, and the share of one core that this process took for it. */
export type WithShare<Result> = Result & { readonly generatorShare: number };

/** Runs a load in this process, and says what share of one core it took from its first instant to its last. */
export async function withOwnShare<Result extends object>(run: () => Promise<Result>): Promise<WithShare<Result>> {
  const startedAtMs = performance.now();
  const before = process.cpuUsage();
  const result = await run();
  const { user, system } = process.cpuUsage(before);
  return { ...result, generatorShare: (user + system) / 1000 / (performance.now() - startedAtMs) };
}
