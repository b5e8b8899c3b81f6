import type { TemplatedApp } from 'uws-current';
import { expect, test } from 'vitest';
import { HttpSockets } from '../../../src/front/http/http-sockets.js';

type Told = (res: unknown, change: number) => void;

test('connections are counted as the web server tells, but for those that are WebSockets', () => {
  const told: Told[] = [];
  const app = { filter: (callback: Told) => told.push(callback) } as unknown as TemplatedApp;
  const sockets = new HttpSockets();
  sockets.follow(app);
  const tell = (change: number) => told[0]?.({}, change);
  tell(1);
  tell(1);
  tell(1);
  tell(-1);
  sockets.upgraded();
  // Of the end of a WebSocket nothing is told.
  expect(sockets.count(7)).toBe(1);
});

test('where the web server tells nothing, requests in flight stand for them', () => {
  const sockets = new HttpSockets();
  sockets.follow({} as TemplatedApp);
  sockets.upgraded();
  expect(sockets.count(7)).toBe(7);
});
