import { beforeEach, describe, expect, it } from 'vitest';
import { QUESTION_BOUNDS } from '../../src/core/bounds.js';
import { APPLICATION, AuthSite, CHECKED_BY_MS, deviceId } from './auth-site.js';
import { ASKER } from './fake-cloud.js';
import { tokenOf } from './tokens.js';

const TOKEN = tokenOf('a gateway');

let site: AuthSite;

beforeEach(() => {
  site = new AuthSite();
});

/** Asks for device `i`; the status of a refusal, or what it is granted as. */
function ask(i: number, token = TOKEN): Promise<unknown> {
  return site.stage.authorizer.ask(token, APPLICATION, deviceId(i), ASKER).then(
    ({ kind }) => kind,
    ({ status }) => status,
  );
}

function askForMany(count: number): Promise<unknown>[] {
  return Array.from({ length: count }, (_, i) => ask(i));
}

describe('a token that the cloud has not answered for yet', () => {
  it('is asked about for one device, and a 401 is the answer for all', async () => {
    const asking = askForMany(4_000);
    expect(site.cloud.questions).toHaveLength(1);
    site.cloud.questions[0]?.answer(401);
    expect(new Set(await Promise.all(asking))).toEqual(new Set([401]));
    expect(await ask(5_000)).toBe(401);
    expect(site.cloud.questions).toHaveLength(1);
  });

  it('is not asked about again where the cloud cannot be asked: all who wait are told', async () => {
    const asking = askForMany(10);
    site.cloud.questions[0]?.fail();
    expect(new Set(await Promise.all(asking))).toEqual(new Set([503]));
    expect(site.cloud.questions).toHaveLength(1);
  });

  it.each([200, 403, 404])('is asked about for more devices at once after a %i', async (status) => {
    const asking = askForMany(100);
    site.cloud.questions[0]?.answer(status);
    await site.clock.advance(0);
    expect(site.cloud.questions).toHaveLength(1 + QUESTION_BOUNDS.maxAtOnceOfLine);
    for (let i = 1; i < 100; i++) {
      site.cloud.questions[i]?.answer(200);
      await site.clock.advance(0);
    }
    expect((await Promise.all(asking)).filter((outcome) => outcome === 'granted').length).toBeGreaterThanOrEqual(99);
  });
});

describe('a token that the cloud has called void', () => {
  it('is asked about again after 30 seconds', async () => {
    await site.ask(TOKEN, 401, 1);
    await site.clock.advance(29_999);
    expect(await ask(2)).toBe(401);
    await site.clock.advance(1);
    expect(site.stage.authorizer.findVoid(TOKEN)).toBeUndefined();
    await site.ask(TOKEN, 200, 2);
    expect(site.find(TOKEN, 2)).toBeDefined();
  });

  it('keeps what it was granted until that is checked, and where the cloud takes it there, it is void no more', async () => {
    await site.ask(TOKEN, 200, 1);
    await site.ask(TOKEN, 401, 2);
    expect(site.find(TOKEN, 1)).toBeDefined();
    await site.clock.advance(10_000);
    expect(site.cloud.questions).toHaveLength(3);
    site.cloud.questions[2]?.answer(200);
    await site.clock.advance(0);
    expect(site.stage.authorizer.findVoid(TOKEN)).toBeUndefined();
  });

  it('is so for every device when a forward or a check has shown it', async () => {
    await site.ask(TOKEN, 200, 1);
    site.find(TOKEN, 1);
    await site.clock.advance(CHECKED_BY_MS);
    site.cloud.questions[1]?.answer(401);
    await site.clock.advance(0);
    expect(site.find(TOKEN, 1)).toBeUndefined();
    expect(await ask(2)).toBe(401);
    expect(site.cloud.questions).toHaveLength(2);
  });
});

describe('what strangers bring', () => {
  /** Twice as many forged tokens as there are grants, with ids of known devices and of others, each refused. */
  async function bringForgedTokens(status: number, maxGrants: number): Promise<void> {
    for (let i = 0; i < 2 * maxGrants; i++)
      await site.ask(tokenOf(`forged ${i} ${'x'.repeat(4_096)}`), status, i % 200);
  }

  it.each([401, 403, 404])('pushes out no grant, whatever they are refused with: %i', async (status) => {
    await site.restart(0, { maxGrants: 100 });
    for (let i = 0; i < 100; i++) await site.ask(tokenOf(`good ${i}`), 200, i);
    await bringForgedTokens(status, 100);
    for (let i = 0; i < 100; i++) expect(site.find(tokenOf(`good ${i}`), i)).toBeDefined();
    await site.restart();
    for (let i = 0; i < 100; i++) expect(site.find(tokenOf(`good ${i}`), i)).toBeDefined();
  });

  it('pushes none out while the cloud is away, nor in the order in which grants give way', async () => {
    await site.restart(0, { maxGrants: 100 });
    for (let i = 0; i < 100; i++) await site.ask(tokenOf(`good ${i}`), 200, i);
    for (let i = 0; i < 50; i++) site.find(tokenOf(`good ${i}`), i);
    for (let i = 50; i < 100; i++) {
      const asking = ask(i, tokenOf(`forged ${i}`));
      site.cloud.questions.at(-1)?.fail();
      expect(await asking).toBe(503);
    }
    // One of those that nobody has used since gives way, though strangers have named them since.
    await site.ask(tokenOf('new'), 200, 1_000);
    for (let i = 0; i < 50; i++) expect(site.find(tokenOf(`good ${i}`), i)).toBeDefined();
    expect(site.find(tokenOf('good 50'), 50)).toBeUndefined();
  });
});
