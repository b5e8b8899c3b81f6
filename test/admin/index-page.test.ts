import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { INDEX_PAGE_POLICY, indexPage } from '../../src/admin/index-page.js';
import { readStatus } from '../../src/admin/status.js';
import { FakeSources } from './fake-sources.js';

it('shows the figures an operator looks for, and where the rest is', () => {
  const sources = new FakeSources();
  sources.meters.received.http.accepted = 1_000;
  sources.meters.received.websocket.accepted = 234;
  const page = indexPage(readStatus(sources));
  expect(page).toContain('<td>yes (accepting states)</td>');
  expect(page).toContain('<td>https://cloud.test answers</td>');
  expect(page).toContain('<td>1,234</td>');
  for (const path of ['/status', '/metrics', '/readyz', '/healthz']) expect(page).toContain(`<a href="${path}">`);
});

it('marks what is wrong', () => {
  const sources = new FakeSources();
  sources.isReady = { ready: false, reason: 'spool full' };
  sources.isCloudUp = false;
  const page = indexPage(readStatus(sources));
  expect(page).toContain('<span class="no">no (spool full)</span>');
  expect(page).toContain('<span class="no">https://cloud.test does not answer</span>');
});

it('escapes what it is told', () => {
  const sources = new FakeSources();
  sources.isReady = { ready: false, reason: '<script>alert("1")</script>' };
  expect(indexPage(readStatus(sources))).not.toContain('<script');
});

it('allows its own style by hash, and nothing else', () => {
  const style = /<style>(.*)<\/style>/s.exec(indexPage(readStatus(new FakeSources())))?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(INDEX_PAGE_POLICY).toContain(`default-src 'none'; style-src 'sha256-${hash}';`);
});
