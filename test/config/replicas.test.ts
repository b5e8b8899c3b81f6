import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

describe('several replicas', () => {
  const secretKey = Buffer.alloc(32, 7).toString('base64');
  const enough = {
    STATEWAY_SPOOL: 'jetstream',
    STATEWAY_NATS_URL: 'nats://a:4222, tls://b:4222',
    STATEWAY_SECRET_KEY: secretKey,
  };

  it('are told their servers and share one secret key', () => {
    const config = loadConfig({ ...enough, STATEWAY_NATS_MONITOR_URL: 'http://a:8222/' }, {});
    expect(config).toMatchObject({ spool: 'jetstream', natsUrl: ['nats://a:4222', 'tls://b:4222'] });
    expect(config.natsMonitorUrl).toEqual(['http://a:8222']);
  });

  it.each(['STATEWAY_NATS_URL', 'STATEWAY_SECRET_KEY'] as const)('are refused without %s', (missing) => {
    const { [missing]: _, ...rest } = enough;
    expect(() => loadConfig(rest, {})).toThrow(
      `STATEWAY_SPOOL is jetstream without ${missing}; allowed is both, or lmdb`,
    );
  });

  it('take no body that is larger than a message of NATS surely holds', () => {
    expect(loadConfig({ ...enough, STATEWAY_MAX_BODY_BYTES: '256KiB' }, {}).maxBodyBytes).toBe(262_144);
    expect(() => loadConfig({ ...enough, STATEWAY_MAX_BODY_BYTES: '257KiB' }, {})).toThrow(
      'STATEWAY_MAX_BODY_BYTES is more than a message of NATS surely holds; allowed with jetstream is up to 256KiB',
    );
  });

  it('are what the servers are for', () => {
    expect(() => loadConfig({ STATEWAY_NATS_URL: 'nats://a:4222' }, {})).toThrow(
      'STATEWAY_NATS_URL is set without STATEWAY_SPOOL; allowed is it with jetstream',
    );
  });
});
