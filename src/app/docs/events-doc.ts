import { EVENT_TABLE, type EventRow } from '../log/events.js';

/** From the package's root; `npm run docs` writes it. */
export const EVENTS_DOCUMENT = 'docs/log-events.md';

const HEAD = `<!-- Written by "npm run docs" from src/app/log/events.ts: change it there. -->

# Events of the log

The log is one line of JSON for each event, on standard output; on a terminal it is in words. Each line has

- \`level\`: \`info\`, \`warn\`, \`error\` or \`fatal\`. \`STATEWAY_LOG_LEVEL\` leaves out what is below it;
- \`time\`: ISO 8601 in UTC, by the clock of the machine;
- \`name\`: of the instance (\`STATEWAY_NAME\`);
- \`event\`: one of those below;
- \`msg\`: the same in words; and what else the event has to say.

No line has a token, a secret, or a state's values. Of one event, ten lines are written within a minute (\`lines-left-out\`).
`;

/** The document in Markdown. */
export function eventsDocument(): string {
  const rows = Object.entries<EventRow>(EVENT_TABLE).map(
    ([event, { level, meaning, remedy }]) => `| \`${event}\` | ${level} | ${meaning} | ${remedy ?? '–'} |`,
  );
  return [HEAD, '| event | level | when, and what it says | what to do |', '|---|---|---|---|', ...rows, ''].join('\n');
}
