import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EVENTS_DOCUMENT, eventsDocument } from '../../src/app/docs/program-docs.js';
import { EVENT_TABLE, type EventRow } from '../../src/app/log/events.js';

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCES = execFileSync('git', ['ls-files', '--', 'src/app'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file.endsWith('.ts') && !file.endsWith('/events.ts'))
  .map((file) => readFileSync(join(ROOT, file), 'utf8'))
  .join('\n');

/** Whether a line of it is written: by its name, or by the ending that what is full has. */
function isWritten(event: string): boolean {
  const ending = event.slice(event.lastIndexOf('-'));
  return SOURCES.includes(`event: '${event}'`) || SOURCES.includes(`event: \`\${what}${ending}\``);
}

describe('the events of the log', () => {
  it('are in their document as "npm run docs" writes it', () => {
    expect(readFileSync(join(ROOT, EVENTS_DOCUMENT), 'utf8')).toBe(eventsDocument());
  });

  it('are written at the level that is said', () => {
    for (const [, level, event = ''] of SOURCES.matchAll(/\blog\.(info|warn|error|fatal)\(\s*\{ event: '([a-z-]+)'/g)) {
      const row: EventRow | undefined = (EVENT_TABLE as Readonly<Record<string, EventRow>>)[event];
      if (row !== undefined) expect(level, event).toBe(row.level);
    }
  });

  it('are each written somewhere', () => {
    expect(Object.keys(EVENT_TABLE).filter((event) => !isWritten(event))).toEqual([]);
    expect(isWritten('no-such-event')).toBe(false);
  });

  it('say what they mean, and from an error on what to do', () => {
    for (const [event, { level, meaning, remedy }] of Object.entries<EventRow>(EVENT_TABLE)) {
      expect(meaning, event).toMatch(/^[A-Z].*\.$/);
      if (level === 'error' || level === 'fatal') expect(remedy, event).toMatch(/\.$/);
    }
  });
});
