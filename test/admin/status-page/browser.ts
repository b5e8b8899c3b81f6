import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { atEnd, expect } from '../../helpers/test-scope.js';

/** Debian's chromium; undefined where it is not installed. */
export const CHROMIUM: string | undefined = [...(process.env.PATH ?? '').split(delimiter), '/usr/bin']
  .map((directory) => join(directory, 'chromium'))
  .find((file) => existsSync(file));

/** Sizes that the page is looked at in. */
export const SCREENS = {
  desk: { width: 1280, height: 900 },
  phone: { width: 360, height: 780 },
} as const;

/** A page of the proxy in a browser, and all that went wrong there. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors and warnings of the console, breaches of the Content-Security-Policy among them, and uncaught errors. */
  readonly complaints: string[];
  /** Addresses of every request. */
  readonly requests: string[];
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
}

/**
 * A page that is gone when the running test is over.
 * @param prepare is run in the page before its own scripts
 */
export async function watchedPage(
  browser: Browser,
  options: BrowserContextOptions = {},
  prepare?: string,
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: SCREENS.desk, ...options });
  atEnd(() => context.close());
  if (prepare !== undefined) await context.addInitScript(prepare);
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => complaints.push(`a dialog says ${dialog.message()}`));
  page.on('request', (request) => requests.push(request.url()));
  return { page, complaints, requests };
}

/** Opens the status page and waits for its first figures. */
export async function openStatusPage({ page }: WatchedPage, adminUrl: string): Promise<void> {
  await page.goto(`${adminUrl}/`);
  await page.locator('#link[data-link="live"]').waitFor();
  // What is folded up is looked at as well.
  await page.evaluate('for (const fold of document.querySelectorAll("details")) fold.open = true');
}

/** Nothing went wrong in the browser, and nobody else was asked for anything. */
export function expectNoHarm({ complaints, requests }: WatchedPage, adminUrl: string): void {
  expect(complaints).toEqual([]);
  expect(requests.length).toBeGreaterThan(5);
  expect(requests.filter((request) => !request.startsWith(`${adminUrl}/`))).toEqual([]);
}

/** Waits until an element has a text in it. */
export async function untilText(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).waitFor({ timeout: 60_000 });
}

/** The text of an element, as it is seen. */
export function textOf(page: Page, selector: string): Promise<string> {
  return page.locator(selector).innerText();
}
