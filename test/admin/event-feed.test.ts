import { type ClientRequest, get, type IncomingMessage, Server, type ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { AdminServer } from '../../src/admin/admin-server.js';
import { EventFeed, MAX_UNSENT_BYTES, MAX_VIEWERS, STATUS_EVERY_MS } from '../../src/admin/event-feed.js';
import { STEP_MS } from '../../src/admin/hour-ring.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { FakeSources } from './fake-sources.js';

/** A viewer without a browser: what it was told so far, and a way to wait for more. */
class Viewer {
  text = '';
  readonly ended: Promise<void>;
  readonly #response: IncomingMessage;
  readonly #request: ClientRequest;

  constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.#response = response;
    response.setEncoding('utf8').on('data', (chunk: string) => {
      this.text += chunk;
    });
    this.ended = new Promise((resolve) => response.once('close', resolve));
  }

  static open(port: number): Promise<Viewer> {
    return new Promise((resolve, reject) => {
      const request = get({ port, host: '127.0.0.1', path: '/events', agent: false }, (response) => {
        resolve(new Viewer(request, response));
      });
      request.once('error', reject);
    });
  }

  get status(): number | undefined {
    return this.#response.statusCode;
  }

  get headers() {
    return this.#response.headers;
  }

  /** Bodies of the events of this name. */
  events(name: string): Record<string, unknown>[] {
    const events = this.text.split('\n\n').filter((event) => event.startsWith(`event: ${name}\n`));
    return events.map((event) => JSON.parse(event.slice(event.indexOf('data: ') + 6)));
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await new Promise((resolve) => this.#response.once('data', resolve));
  }

  async leave(): Promise<void> {
    this.#request.destroy();
    await this.ended;
  }
}

describe('the events of a running server', () => {
  let sources: FakeSources;
  let server: AdminServer;
  let port: number;

  beforeEach(async () => {
    sources = new FakeSources();
    server = new AdminServer(sources);
    ({ port } = await server.listen('127.0.0.1', 0));
  });
  afterEach(() => server.close());

  it('tell a new viewer everything at once, then the status each second', async () => {
    const viewer = await Viewer.open(port);
    await viewer.until(() => viewer.events('status').length === 1);
    expect([viewer.status, viewer.headers['content-type'], viewer.headers['x-content-type-options']]).toEqual([
      200,
      'text/event-stream',
      'nosniff',
    ]);
    expect(viewer.text).toMatch(/^retry: 2000\n\n/);
    expect(viewer.events('hour')).toEqual([{ stepSeconds: 10, endedAt: [], received: [], forwarded: [], refused: [] }]);
    expect(viewer.events('status')[0]).toMatchObject({ version: '1.2.3', spool: { states: 17 } });
    await sources.clock.advance(STATUS_EVERY_MS);
    await viewer.until(() => viewer.events('status').length === 2);
  });

  it('are made once, however many look', async () => {
    const viewers = [await Viewer.open(port), await Viewer.open(port), await Viewer.open(port)];
    await Promise.all(viewers.map((viewer) => viewer.until(() => viewer.events('status').length === 1)));
    const before = sources.reports;
    expect(before).toBe(1);
    await sources.clock.advance(3 * STATUS_EVERY_MS);
    await Promise.all(viewers.map((viewer) => viewer.until(() => viewer.events('status').length === 4)));
    expect(sources.reports - before).toBe(3);
  });

  it('hold the hour that was before the viewer came, and each step', async () => {
    sources.meters.forwarded = 50;
    await sources.clock.advance(STEP_MS);
    const viewer = await Viewer.open(port);
    await viewer.until(() => viewer.events('hour').length === 1);
    expect(viewer.events('hour')[0]).toMatchObject({ forwarded: [5] });
    await sources.clock.advance(STEP_MS);
    await viewer.until(() => viewer.events('hour').length === 2);
    expect(viewer.events('hour')[1]).toMatchObject({ forwarded: [5, 0] });
  });

  it('leave out what cannot be read, and go on', async () => {
    const viewer = await Viewer.open(port);
    await viewer.until(() => viewer.events('status').length === 1);
    sources.spoolFailure = new Error('closed, at /secret/path');
    await sources.clock.advance(STATUS_EVERY_MS);
    await viewer.until(() => viewer.text.endsWith(': the figures cannot be read now\n\n'));
    sources.spoolFailure = undefined;
    await sources.clock.advance(STATUS_EVERY_MS);
    await viewer.until(() => viewer.events('status').length === 2);
    expect(viewer.text).not.toContain('secret');
  });

  it('are for so many viewers and no more, and for another when one has left', async () => {
    const viewers = await Promise.all(Array.from({ length: MAX_VIEWERS }, () => Viewer.open(port)));
    const refused = await Viewer.open(port);
    await refused.ended;
    expect([refused.status, JSON.parse(refused.text)]).toEqual([
      503,
      { type: 'Unavailable', message: 'As many status pages are open as are served at one time' },
    ]);
    await viewers[0]?.leave();
    let status: number | undefined;
    // The server learns of it when the connection's end has reached it.
    while (status !== 200) status = (await Viewer.open(port)).status;
  });

  it('end when the server is closed', async () => {
    const viewer = await Viewer.open(port);
    const cut = vi.spyOn(Server.prototype, 'closeAllConnections');
    onTestFinished(() => cut.mockRestore());
    await server.close();
    await viewer.ended;
    // What is done when the time for answers under way is over.
    expect(cut).not.toHaveBeenCalled();
    expect(sources.clock.pendingTimers).toBe(0);
  });

  it('cost nothing while nobody looks', async () => {
    const viewer = await Viewer.open(port);
    expect(sources.clock.pendingTimers).toBe(2);
    await viewer.leave();
    while (sources.clock.pendingTimers > 1) await new Promise((resolve) => setImmediate(resolve));
    const before = sources.reports;
    await sources.clock.advance(10 * STATUS_EVERY_MS);
    expect(sources.reports).toBe(before);
  });

  it('are not for HEAD', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/events`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(sources.clock.pendingTimers).toBe(1);
  });
});

describe('a viewer', () => {
  const big = 'x'.repeat(100_000);
  const open = () => {
    const clock = new FakeClock();
    const feed = new EventFeed({ clock, status: () => big, hour: () => 0, onUnreadable: () => {} });
    const response = new PassThrough({ highWaterMark: 1 });
    feed.add(response as unknown as ServerResponse, '10.0.0.1');
    return { clock, feed, response };
  };

  it('that does not read is dropped, before it holds much memory', async () => {
    const { clock, feed, response } = open();
    await clock.advance(2 * STATUS_EVERY_MS);
    expect([feed.viewers, response.destroyed]).toEqual([1, false]);
    expect(response.writableLength).toBeGreaterThan(MAX_UNSENT_BYTES);
    await clock.advance(STATUS_EVERY_MS);
    expect([feed.viewers, response.destroyed, clock.pendingTimers]).toEqual([0, true, 0]);
  });

  it('that reads stays', async () => {
    const { clock, feed, response } = open();
    response.resume();
    await clock.advance(10 * STATUS_EVERY_MS);
    expect(feed.viewers).toBe(1);
  });

  it('that was gone before it was taken takes no place', () => {
    const feed = new EventFeed({ clock: new FakeClock(), status: () => 0, hour: () => 0, onUnreadable: () => {} });
    const response = new PassThrough();
    response.destroy();
    feed.add(response as unknown as ServerResponse, '10.0.0.1');
    expect(feed.viewers).toBe(0);
  });

  it('finds room where all places are taken by another address, and never by its own', () => {
    const feed = new EventFeed({ clock: new FakeClock(), status: () => 0, hour: () => 0, onUnreadable: () => {} });
    const add = (holder: string) => {
      const response = new PassThrough();
      feed.add(response.resume() as unknown as ServerResponse, holder);
      return response;
    };
    const greedy = Array.from({ length: MAX_VIEWERS }, () => add('10.0.0.1'));
    expect([feed.hasRoomFor('10.0.0.1'), feed.hasRoomFor('10.0.0.2')]).toEqual([false, true]);
    add('10.0.0.2');
    expect(greedy.map(({ destroyed }) => destroyed)).toEqual([true, ...Array(MAX_VIEWERS - 1).fill(false)]);
  });

  it('keeps its place where every address has one', () => {
    const feed = new EventFeed({ clock: new FakeClock(), status: () => 0, hour: () => 0, onUnreadable: () => {} });
    for (let n = 0; n < MAX_VIEWERS; n++)
      feed.add(new PassThrough().resume() as unknown as ServerResponse, `10.0.0.${n}`);
    expect(feed.hasRoomFor('10.1.1.1')).toBe(false);
  });
});
