const WINDOW_MS = 15_000;
/** The broker allows 30 and 300, in both directions together, and bans who exceeds them (docs/cloud.md, "The broker"). */
const MOST_OF_TOPIC = 25;
const MOST_OF_DEVICE = 250;

/** What one device may publish at the broker, by its topics and in all (contract 1.9.4). */
export class PublishRates {
  /** Monotonic, of the last window; rising. */
  #ofDevice: number[] = [];
  readonly #ofTopics = new Map<string, number[]>();

  /** For how long a publish has to wait; 0: it may leave. */
  waitMs(topic: string, nowMs: number): number {
    this.#ofDevice = within(this.#ofDevice, nowMs);
    const ofTopic = within(this.#ofTopics.get(topic) ?? [], nowMs);
    return Math.max(waitFor(ofTopic, MOST_OF_TOPIC, nowMs), waitFor(this.#ofDevice, MOST_OF_DEVICE, nowMs));
  }

  note(topic: string, nowMs: number): void {
    if (this.#ofDevice.length === 0) this.#ofTopics.clear();
    this.#ofDevice.push(nowMs);
    const ofTopic = within(this.#ofTopics.get(topic) ?? [], nowMs);
    ofTopic.push(nowMs);
    this.#ofTopics.set(topic, ofTopic);
    if (this.#ofTopics.size > MOST_OF_DEVICE) this.#forgetOld(nowMs);
  }

  #forgetOld(nowMs: number): void {
    for (const [topic, timesMs] of this.#ofTopics)
      if (within(timesMs, nowMs).length === 0) this.#ofTopics.delete(topic);
  }
}

function within(timesMs: number[], nowMs: number): number[] {
  const first = timesMs.findIndex((timeMs) => timeMs > nowMs - WINDOW_MS);
  return first < 0 ? [] : timesMs.slice(first);
}

function waitFor(timesMs: readonly number[], most: number, nowMs: number): number {
  return timesMs.length < most ? 0 : (timesMs[timesMs.length - most] as number) + WINDOW_MS - nowMs;
}
