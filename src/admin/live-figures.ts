import type { ServerResponse } from 'node:http';
import type { AdminSources } from './admin-sources.js';
import { EventFeed } from './event-feed.js';
import { HistoryFile } from './history-file.js';
import { HourRing, STEP_MS } from './hour-ring.js';
import { SpoolGrowth } from './spool-growth.js';
import { readStatus } from './status.js';
import type { Status, WeekFacts } from './status-page/status-shape.js';
import { WeekHistory } from './week-history.js';

/** The figures of now with what is kept of the last hour and week, and the pages that look at them. */
export class LiveFigures {
  readonly #sources: AdminSources;
  readonly #hour: HourRing;
  readonly #growth: SpoolGrowth;
  readonly #week: WeekHistory;
  readonly #feed: EventFeed;
  #cancelStep: () => void = () => {};

  /** @param historyPath of the file in which the last week outlives the process; none: it does not */
  constructor(sources: AdminSources, historyPath?: string) {
    const { clock, meters } = sources;
    this.#week = new WeekHistory(sources, historyPath === undefined ? undefined : HistoryFile.open(historyPath));
    this.#sources = sources;
    this.#hour = new HourRing(clock, meters);
    this.#growth = new SpoolGrowth(clock);
    this.#feed = new EventFeed({
      clock,
      status: () => this.status(),
      hour: () => this.#hour.rates(),
      onUnreadable: (error) => sources.onUnreadable('/events', error),
    });
  }

  /** Begins to keep the last hour. */
  start(): void {
    this.#sampleSpool();
    this.#scheduleStep();
  }

  /** Ends every stream and timer. */
  stop(): void {
    this.#cancelStep();
    this.#feed.close();
    this.#week.close();
  }

  /** The last week. */
  week(): WeekFacts {
    return this.#week.facts();
  }

  /** @throws what the sources throw when they cannot be read */
  status(): Status {
    return readStatus(this.#sources, { hour: this.#hour, growth: this.#growth });
  }

  /** Whether a page can be served, see {@link EventFeed.hasRoomFor}. */
  hasRoomFor(holder: string): boolean {
    return this.#feed.hasRoomFor(holder);
  }

  /** Takes a viewer, see {@link EventFeed.add}. */
  addViewer(response: ServerResponse, holder: string): void {
    this.#feed.add(response, holder);
  }

  #scheduleStep(): void {
    this.#cancelStep = this.#sources.clock.schedule(STEP_MS, () => {
      this.#hour.step();
      this.#sampleSpool();
      this.#feed.tellHour();
      this.#scheduleStep();
    });
  }

  #sampleSpool(): void {
    try {
      this.#growth.sample(this.#sources.spoolStatus().bytes);
      this.#week.look();
    } catch {
      // The spool is closed before this is, at shutdown: there is nothing to sample any more.
    }
  }
}
