const TURN_MS = 20;
/** What could not be spent is made up for within so long, and no later. */
const MADE_UP_WITHIN_SECONDS = 0.1;

/**
 * Spends so much a second in small turns.
 * @param perSecond of whatever is spent
 * @param spend is given what it may spend now, and returns what it did
 * @returns ends it
 */
export function atPace(perSecond, spend) {
  let budget = 0;
  let lastMs = performance.now();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const most = Math.max(1, perSecond * MADE_UP_WITHIN_SECONDS);
    budget = Math.min(most, budget + (perSecond * (nowMs - lastMs)) / 1000);
    lastMs = nowMs;
    if (budget >= 1) budget -= spend(Math.floor(budget));
  }, TURN_MS);
  return () => clearInterval(timer);
}
