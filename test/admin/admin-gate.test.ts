import { describe, expect, it } from 'vitest';
import { AdminGate, SESSION_MS } from '../../src/admin/admin-gate.js';
import { MOST_WRONG_TOKENS, WINDOW_MS } from '../../src/admin/log-in-attempts.js';
import { FakeClock } from '../helpers/fake-clock.js';

const TOKEN = 'a-token-of-the-admin-side';
const ADDRESS = '10.0.0.1';

/** The code of what is thrown; undefined where nothing is. */
function refusal(ask: () => void): unknown {
  try {
    ask();
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

const cookieOf = (gate: AdminGate) => gate.newSession().split(';', 1)[0] as string;

describe('the gate', () => {
  it('opens to the token and to nothing else', () => {
    const gate = new AdminGate(TOKEN, false, new FakeClock());
    const ask = (authorization: string) => refusal(() => gate.assertOpen({ authorization }, ADDRESS));
    expect([ask(`Bearer ${TOKEN}`), ask(`bearer  ${TOKEN} `)]).toEqual([undefined, undefined]);
    for (const wrong of ['', 'Bearer', TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`]) {
      expect(ask(wrong), wrong).toBe('STATEWAY_ADMIN_TOKEN');
    }
  });

  it('opens to its cookie for as long as that is good, after a restart too, and to none of another token', async () => {
    const clock = new FakeClock();
    const gate = new AdminGate(TOKEN, false, clock);
    const cookie = `theme=dark; ${cookieOf(gate)}`;
    const again = new AdminGate(TOKEN, false, clock);
    expect(refusal(() => again.assertOpen({ cookie }, ADDRESS))).toBeUndefined();
    const other = new AdminGate(`${TOKEN}2`, false, clock);
    expect(refusal(() => other.assertOpen({ cookie }, ADDRESS))).toBe('STATEWAY_ADMIN_TOKEN');
    // Good for longer than it was signed for.
    const forged = cookie.replace(/\d{10,}/, (untilMs) => `${Number(untilMs) + 1}`);
    expect(forged).not.toBe(cookie);
    expect(refusal(() => gate.assertOpen({ cookie: forged }, ADDRESS))).toBe('STATEWAY_ADMIN_TOKEN');
    await clock.advance(SESSION_MS - 1);
    expect(refusal(() => gate.assertOpen({ cookie }, ADDRESS))).toBeUndefined();
    await clock.advance(1);
    expect(refusal(() => gate.assertOpen({ cookie }, ADDRESS))).toBe('STATEWAY_ADMIN_TOKEN');
  });

  it('sets a cookie that no script and no other site can use, and with TLS none that goes without', () => {
    const [plain, secure] = [false, true].map((isTls) => new AdminGate(TOKEN, isTls, new FakeClock()).newSession());
    expect(plain).toMatch(/^stateway_admin=\d+\.[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
    expect(secure).toMatch(/; SameSite=Strict; Secure$/);
  });

  it('looks at ten wrong tokens of an address in a minute, and at no other meanwhile', async () => {
    const clock = new FakeClock();
    const gate = new AdminGate(TOKEN, false, clock);
    const show = (token: string, address = ADDRESS) => refusal(() => gate.assertToken(token, address));
    for (let guess = 0; guess < MOST_WRONG_TOKENS; guess++) expect(show(`guess ${guess}`)).toBe('STATEWAY_ADMIN_TOKEN');
    expect([show('another'), show(TOKEN)]).toEqual(['STATEWAY_ADMIN_ATTEMPTS', 'STATEWAY_ADMIN_ATTEMPTS']);
    expect(show(TOKEN, '10.0.0.2')).toBeUndefined();
    // Who is logged in stays so.
    expect(refusal(() => gate.assertOpen({ cookie: cookieOf(gate) }, ADDRESS))).toBeUndefined();
    await clock.advance(WINDOW_MS);
    expect(show(TOKEN)).toBeUndefined();
  });

  it('counts one wrong token once, however often a program of that machine shows it', () => {
    const told: string[] = [];
    const gate = new AdminGate(TOKEN, false, new FakeClock(), (address) => told.push(address));
    const show = (token: string) => refusal(() => gate.assertToken(token, ADDRESS));
    for (let scrape = 0; scrape < 100; scrape++) expect(show('the former token')).toBe('STATEWAY_ADMIN_TOKEN');
    expect(show(TOKEN)).toBeUndefined();
    expect(told).toEqual([ADDRESS]);
    show('another');
    expect(told).toEqual([ADDRESS, ADDRESS]);
  });
});

describe('what changes something', () => {
  const HOST = 'gateway7:9090';
  const own = { host: HOST, origin: `http://${HOST}` };

  function site() {
    const clock = new FakeClock();
    const gate = new AdminGate(TOKEN, false, clock);
    const cookie = cookieOf(gate);
    const form = gate.formToken({ cookie }) as string;
    const meant = (headers: Parameters<AdminGate['assertMeant']>[0], given = form) =>
      refusal(() => gate.assertMeant(headers, given, ADDRESS));
    return { clock, gate, cookie, form, meant };
  }

  it('is meant by a program that shows the token, and by a form of our own page in a session', () => {
    const { cookie, form, meant } = site();
    expect(meant({ host: HOST, authorization: `Bearer ${TOKEN}` }, '')).toBeUndefined();
    expect(meant({ ...own, cookie })).toBeUndefined();
    expect(form).not.toBe(cookie.split('.').at(-1));
  });

  it('is not meant by another page, whatever it has a browser send', async () => {
    const { clock, gate, cookie, form, meant } = site();
    const elsewhere = { host: HOST, origin: 'http://evil.example' };
    expect(meant({ ...elsewhere, cookie })).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    expect(meant({ ...elsewhere, authorization: `Bearer ${TOKEN}` })).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    expect(meant({ host: HOST, origin: 'null', cookie })).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    expect(meant({ host: HOST, cookie })).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    for (const given of ['', 'x', `${form}x`])
      expect(meant({ ...own, cookie }, given)).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    expect(meant(own)).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    expect(meant({ ...own, cookie, authorization: 'Bearer another' })).toBe('STATEWAY_ADMIN_TOKEN');
    await clock.advance(1_000);
    const later = gate.formToken({ cookie: cookieOf(gate) }) as string;
    expect(later).not.toBe(form);
    expect(meant({ ...own, cookie }, later)).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
    await clock.advance(SESSION_MS);
    expect(gate.formToken({ cookie })).toBeUndefined();
    expect(meant({ ...own, cookie })).toBe('STATEWAY_ORIGIN_NOT_ALLOWED');
  });
});
