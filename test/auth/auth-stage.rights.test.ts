import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GrantStore } from '../../src/auth/grant-store.js';
import type { GrantKind } from '../../src/auth/kept-grant.js';
import { SealedStore } from '../../src/auth/sealed-store.js';
import { Sealing } from '../../src/auth/sealing.js';
import type { Unproven } from '../../src/core/auth-ports.js';
import { APPLICATION, AuthSite, CHECKED_BY_MS, deviceId, OFFLINE_MS } from './auth-site.js';
import { TAKEN } from './fake-cloud.js';
import { tokenOf } from './tokens.js';

const READS = tokenOf('reads', ['all.Device.read']);
const SENDS = tokenOf('sends', ['device.sendState']);
const OPAQUE = 'an-opaque-token';

let site: AuthSite;

beforeEach(() => {
  site = new AuthSite();
});

describe('the token of a log-in', () => {
  it.each<[string, string, string[] | undefined, boolean]>([
    ['that sends by its claims', SENDS, undefined, true],
    ['that reads by its claims', READS, undefined, false],
    ['that reads by its claims, whatever was asked for', READS, ['all.Device'], false],
    ['without claims, and scopes unasked', OPAQUE, undefined, true],
    ['without claims, asked for to send', OPAQUE, ['device.get', 'device.sendState'], true],
    ['without claims, asked for to read', OPAQUE, ['all.Device.read'], false],
  ])('%s', async (_, token, requestedScopes, maySend) => {
    await site.logIn(token, 1, requestedScopes);
    expect(site.find(token) !== undefined).toBe(maySend);
    expect(site.offered.length > 0).toBe(maySend);
    expect(await site.ask(token, 200)).toMatchObject(maySend ? { kind: 'granted' } : { code: 'STATEWAY_NOT_GRANTED' });
    expect(site.cloud.questions).toEqual([]);
  });

  it('that may only read logs in again all the same while the cloud is away, after a restart too', async () => {
    await site.logIn(READS, 1, ['all.Device.read']);
    expect(await site.tryLogIn(1, ['all.Device.read'])).toBe(200);
    expect(await site.restart(3_600_000)).toBe(1);
    expect(await site.tryLogIn(1, ['all.Device.read'])).toBe(200);
    expect(site.find(READS)).toBeUndefined();
    expect(site.offered).toEqual([]);
    expect(await site.ask(READS, 200)).toMatchObject({ code: 'STATEWAY_NOT_GRANTED' });
  });

  it('that may only read gains nothing by checks, by lapsing, or by what was asked for again', async () => {
    await site.logIn(READS, 1, ['all.Device.read']);
    await site.ask(READS, 200);
    await site.clock.advance(CHECKED_BY_MS);
    site.cloud.questions[0]?.answer(200);
    await site.clock.advance(0);
    expect(site.find(READS)).toBeUndefined();
    site.stage.offerGrantsOf({ deviceId: deviceId(1), key: APPLICATION + deviceId(1) } as never);
    await site.clock.advance(OFFLINE_MS + CHECKED_BY_MS);
    expect(site.offered).toEqual([]);
  }, 60_000);
});

describe('a row of a version that took reading for sending', () => {
  async function restartWith(token: string, kind: GrantKind): Promise<void> {
    await site.stage.close();
    const sealing = new Sealing(Buffer.alloc(32, 1));
    const nobody = () => expect.fail('the row cannot be written');
    site.table.isClosed = false;
    const store = new SealedStore({
      table: site.table,
      sealing,
      clock: site.clock,
      onUnreadable: nobody,
      onWriteFailed: nobody,
    });
    const row = { token, applicationId: APPLICATION, deviceId: deviceId(1), kind, confirmedAtMs: site.clock.wallMs() };
    const put = vi.spyOn(store, 'put');
    new GrantStore(store, sealing, 10).keep(row as never, Number.POSITIVE_INFINITY);
    // As it has stood on the disk from the first version on.
    expect(put.mock.calls[0]?.[2]).toMatchObject({ proof: kind });
    await store.close();
    site.start();
  }

  it.each<[GrantKind, string]>([
    ['read', SENDS],
    ['log-in', SENDS],
    ['first state', READS],
    ['first state', OPAQUE],
  ])('is good where it was granted by a %s and may send', async (kind, token) => {
    await restartWith(token, kind);
    expect(site.find(token)).toBeDefined();
    expect(site.offered).toHaveLength(1);
  });

  it.each<[GrantKind]>([['read'], ['log-in']])('lets nothing in by a %s where its scopes only read', async (kind) => {
    await restartWith(READS, kind);
    expect(await site.ask(READS, 200)).toMatchObject({ code: 'STATEWAY_NOT_GRANTED' });
    expect(site.offered).toEqual([]);
  });

  it.each<[GrantKind]>([['read'], ['log-in']])(
    'must prove itself where it was granted by a %s without scopes',
    async (kind) => {
      await restartWith(OPAQUE, kind);
      expect(site.find(OPAQUE)).toBeUndefined();
      expect(site.offered).toEqual([]);
      const asked = (await site.ask(OPAQUE, 200)) as Unproven;
      expect(asked.kind).toBe('unproven');
      site.cloud.sendAnswer = TAKEN;
      await asked.prove('json', Buffer.from('[]'));
      expect(site.find(OPAQUE)).toBeDefined();
      expect(site.offered.map(({ token }) => token)).toEqual([OPAQUE]);
      await site.restart();
      expect(site.find(OPAQUE)).toBeDefined();
    },
  );
});
