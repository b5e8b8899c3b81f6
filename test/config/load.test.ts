import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/config-error.js';
import { loadConfig } from '../../src/config/load.js';
import { flagOf, OPTION_KEYS, type OptionKey, optionRow } from '../../src/config/options.js';
import { temporaryDirectory } from '../helpers/temporary-directory.js';

/** What is refused for each option, and a part of the reason; a test below fails when an option has no row. */
const REFUSED: Readonly<Record<OptionKey, readonly string[]>> = {
  listen: [
    '8080',
    ':8080',
    'localhost',
    '0.0.0.0:65536',
    '::1:8080',
    '[::g]:80',
    '999.1.1.1:80',
    'a b:80',
    '[1.2.3.4]:80',
  ],
  adminListen: ['9090', '127.0.0.1:', '127.0.0.1:-1', '127.0.0.1:9090/'],
  adminHosts: ['a:9090', 'https://a.example', 'a,,b', '*.plant.example', '10.0.0.1', 'a b'],
  adminToken: ['hunter2', 'hunter2 hunter2 hunter2', 'hünter2hünter2hünter2'],
  adminTlsCertFile: ['/nowhere/cert.pem', '/'],
  adminTlsKeyFile: ['/nowhere/key.pem', '/'],
  tlsCertFile: ['/nowhere/cert.pem', '/'],
  tlsKeyFile: ['/nowhere/key.pem', '/'],
  upstreamUrl: [
    'api.losant.com',
    'ftp://api.losant.com',
    'https://user:hunter2@api.losant.com',
    'https://api.losant.com?a=hunter2',
    'https://api.losant.com/#hunter2',
    'https://api.losant.com?',
    'https://',
    ' https://api.losant.com',
  ],
  upstreamToken: ['hunter2 hunter2', 'hunter2\r\nX-Evil: 1', 'hünter2'],
  upstreamCaFile: ['/nowhere/ca.pem', '/'],
  dataDir: ['a\0b', '/dev/null', '/dev/null/data'],
  secretKey: ['hunter2', Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), `${'A'.repeat(43)}`],
  maxSpoolBytes: ['10GB', '-1', '1.5GiB', '65535', '65TiB', '99999999999999999999', 'GiB'],
  maxDeadLetterBytes: ['1GB', '-1', '0', '65535', '65TiB'],
  retentionMs: ['30 days', '999', '366d', '0'],
  outOfWindow: ['Forward', 'drop', '400'],
  windowMs: ['-1', '500 seconds', '61min', '1e3', '0.5s', '3600001'],
  coalesce: ['Merge', 'last', 'merge '],
  rateLimit: ['30', '0/15s', '30/0', '10001/15s', '30/2h', '30/15s/2', '/15s'],
  uplinkBytesPerSecond: ['0', '1023', '10MB', '11GiB'],
  maxBodyBytes: ['1023', '5MiB', 'big'],
  fronts: ['-1', '65', '0.5', 'auto'],
  workers: ['0', '257', '2.5', 'all', '1s'],
  mqttListen: ['1883', 'OFF', 'on', ':1883', '0.0.0.0:65536'],
  mqttTlsListen: ['8883', 'none', ':8883'],
  mqttMaxConnections: ['0', '1000001', '20k'],
  mqttMaxInflight: ['0', '65536', 'all'],
  commands: ['on', 'MQTT', 'rest'],
  mqttUpstreamUrl: [
    'broker.losant.com',
    'https://broker.losant.com',
    'mqtts://user:hunter2@broker.losant.com',
    'mqtt://broker.losant.com/path',
    'wss://broker.losant.com/?a=hunter2',
    'mqtts://',
    'mqtt:///',
  ],
  mqttUpstreamConnects: ['200', '0/15s', '200/2h'],
  mqttUpstreamSessions: ['0', '1000001', '5k'],
  spool: ['LMDB', 'nats', 'jetstream '],
  natsUrl: ['a:4222', 'http://a:4222', 'nats://user:hunter2@a', 'nats://a,', 'nats://a,nats://a', 'nats://a/path'],
  natsCredentialsFile: ['/nowhere/proxy.creds', '/'],
  natsCaFile: ['/nowhere/ca.pem', '/'],
  natsMonitorUrl: ['a:8222', 'nats://a:4222', 'http://user:hunter2@a:8222', 'http://a:8222,,http://b:8222'],
  natsPartitions: ['0', '101', 'twelve'],
  natsReplicas: ['0', '6', '1.5'],
  name: [' gateway7', 'gate\tway', 'a"b', 'x'.repeat(101), 'a\\b'],
  exemplars: ['true', 'ON', 'openmetrics'],
  tokenCacheSize: ['0', '10000001', '100k'],
  tokenTtlMs: ['0', '366d', 'never'],
  tokenOfflineMs: ['-1', '366d', 'forever'],
  passthrough: ['some', 'true', 'AUTH'],
  logLevel: ['verbose', 'INFO', '30'],
  debugDevice: ['gateway7', '5b0000000000000000000001,', `${Array(21).fill('5b0000000000000000000001')}`],
};

function messageOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('nothing was refused');
}

describe('defaults', () => {
  it('are those of the contract', () => {
    const { sources, workers, ...values } = loadConfig({}, {});
    expect(values).toEqual({
      listen: { host: '0.0.0.0', port: 8080 },
      adminListen: { host: '127.0.0.1', port: 9090 },
      adminHosts: undefined,
      adminToken: undefined,
      adminTlsCertFile: undefined,
      adminTlsKeyFile: undefined,
      tlsCertFile: undefined,
      tlsKeyFile: undefined,
      upstreamUrl: 'https://api.losant.com',
      upstreamToken: undefined,
      upstreamCaFile: undefined,
      dataDir: './data',
      secretKey: undefined,
      maxSpoolBytes: 10 * 1024 ** 3,
      retentionMs: 30 * 86_400_000,
      maxDeadLetterBytes: 1024 ** 3,
      outOfWindow: 'forward',
      windowMs: 500,
      coalesce: 'merge',
      rateLimit: { requests: 30, windowMs: 15_000 },
      uplinkBytesPerSecond: undefined,
      maxBodyBytes: 262_144,
      mqttListen: 'off',
      mqttTlsListen: 'off',
      mqttMaxConnections: 20_000,
      mqttMaxInflight: 1_000,
      commands: 'mqtt',
      mqttUpstreamUrl: undefined,
      mqttUpstreamConnects: { requests: 200, windowMs: 15_000 },
      mqttUpstreamSessions: 5_000,
      spool: 'lmdb',
      natsUrl: undefined,
      natsCredentialsFile: undefined,
      natsCaFile: undefined,
      natsMonitorUrl: undefined,
      natsPartitions: 12,
      natsReplicas: 3,
      commandBroker: { url: 'mqtts://broker.losant.com:8883', proxy: undefined },
      name: hostname(),
      exemplars: 'off',
      fronts: 0,
      tokenCacheSize: 100_000,
      tokenTtlMs: 15 * 60_000,
      tokenOfflineMs: 7 * 86_400_000,
      passthrough: 'all',
      logLevel: 'info',
      debugDevice: undefined,
    });
    expect(workers).toBeGreaterThanOrEqual(1);
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
  });

  it('are allowed by their own rows', () => {
    for (const key of OPTION_KEYS) {
      const row = optionRow(key);
      if (row.default !== undefined) expect(row.kind.parse(row.default), key).toBeDefined();
    }
  });
});

describe('sources', () => {
  it('a flag beats the environment, which beats the default', () => {
    const config = loadConfig({ STATEWAY_WINDOW_MS: '1s', STATEWAY_WORKERS: '3' }, { windowMs: '2s', json: true });
    expect([config.windowMs, config.workers, config.coalesce]).toEqual([2_000, 3, 'merge']);
    expect(config.sources).toMatchObject({ windowMs: 'flag', workers: 'environment', coalesce: 'default' });
  });

  it('leave a wrong value in the environment alone when a flag replaces it', () => {
    expect(loadConfig({ STATEWAY_WINDOW_MS: 'wrong' }, { windowMs: '2s' }).windowMs).toBe(2_000);
  });

  it('the result is frozen all through', () => {
    const config = loadConfig({}, {});
    for (const part of [config, config.sources, config.listen, config.rateLimit]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('names of other programs are left alone', () => {
    expect(loadConfig({ PATH: '/bin', STATEWAYS: '1', stateway_listen: '1', STATE: '2' }, {})).toEqual(
      loadConfig({}, {}),
    );
  });
});

describe('a value that is not allowed', () => {
  it('is tried for every option', () => {
    expect(OPTION_KEYS.filter((key) => REFUSED[key].length === 0)).toEqual([]);
  });

  const cases = OPTION_KEYS.flatMap((key) => REFUSED[key].map((text) => [key, text] as const));

  it.each(cases)('%s from the environment: %j', (key, text) => {
    const { variable, secret, isFile, kind } = optionRow(key);
    const message = messageOf(() => loadConfig({ [variable]: text }, {}));
    expect(message.startsWith(variable)).toBe(true);
    expect(message).not.toMatch(/[\r\n\0]/);
    expect(message).not.toContain('hunter2');
    expect(message).toContain(secret ? '(value hidden)' : '"');
    expect(message).toContain(isFile ? 'a file that can be read' : key === 'dataDir' ? '; allowed is' : kind.allowed);
    if (secret) expect(message).not.toContain(text);
  });

  it.each(cases)('%s by flag: %j', (key, text) => {
    const { variable } = optionRow(key);
    const message = messageOf(() => loadConfig({}, { [key]: text }));
    expect(message.startsWith(`${flagOf(variable)} `)).toBe(true);
    expect(message).not.toContain(variable);
  });

  it.each(OPTION_KEYS)('%s: an empty value is an error, not a way to say "unset"', (key) => {
    const { variable } = optionRow(key);
    expect(messageOf(() => loadConfig({ [variable]: '' }, {}))).toMatch(`${variable} is empty; leave it out`);
  });

  it('shows a URL without what may be secret in it', () => {
    const message = messageOf(() => loadConfig({ STATEWAY_UPSTREAM_URL: 'https://me:hunter2@x.test/p?t=hunter2' }, {}));
    expect(message).toContain('"https://***@x.test/p?***"');
  });

  it('shows a long value by its beginning', () => {
    const message = messageOf(() => loadConfig({ STATEWAY_COALESCE: 'x'.repeat(5_000) }, {}));
    expect(message).toContain(`"${'x'.repeat(100)}..."`);
    expect(message.length).toBeLessThan(300);
  });
});

describe('unknown names', () => {
  it.each([
    ['STATEWAY_WINDOWMS', 'STATEWAY_WINDOWMS is not an option; did you mean STATEWAY_WINDOW_MS?'],
    ['STATEWAY_UPSTREAM_URI', 'STATEWAY_UPSTREAM_URI is not an option; did you mean STATEWAY_UPSTREAM_URL?'],
    ['STATEWAY_BANANA', 'STATEWAY_BANANA is not an option; docs/configuration.md lists those there are'],
    ['STATEWAY_', 'STATEWAY_ is not an option; docs/configuration.md lists those there are'],
  ])('%s', (name, message) => {
    expect(messageOf(() => loadConfig({ [name]: 'hunter2' }, {}))).toBe(message);
  });

  it.each(['STATEWAY_PORT', 'STATEWAY_SERVICE_HOST', 'STATEWAY_SERVICE_PORT_HTTP', 'STATEWAY_PORT_8080_TCP_ADDR'])(
    '%s comes from Kubernetes, and the message says how to stop it',
    (name) =>
      expect(messageOf(() => loadConfig({ [name]: 'tcp://10.0.0.1:80' }, {}))).toContain('enableServiceLinks: false'),
  );
});

describe('values that do not go together', () => {
  it('a certificate without its key, and a key without its certificate', () => {
    const file = join(temporaryDirectory(), 'x.pem');
    writeFileSync(file, '');
    expect(messageOf(() => loadConfig({ STATEWAY_TLS_CERT_FILE: file }, {}))).toBe(
      'STATEWAY_TLS_CERT_FILE is set without STATEWAY_TLS_KEY_FILE; allowed is both, or neither',
    );
    expect(messageOf(() => loadConfig({}, { tlsKeyFile: file }))).toBe(
      '--tls-key-file is set without STATEWAY_TLS_CERT_FILE; allowed is both, or neither',
    );
    expect(loadConfig({ STATEWAY_TLS_CERT_FILE: file }, { tlsKeyFile: file }).tlsKeyFile).toBe(file);
  });

  it.each([
    ['0.0.0.0:8080', '127.0.0.1:8080'],
    ['127.0.0.1:8080', '127.0.0.1:8080'],
    ['10.0.0.1:8080', '[::]:8080'],
  ])('the device side %s and the admin side %s on one port', (listen, adminListen) => {
    expect(messageOf(() => loadConfig({ STATEWAY_LISTEN: listen }, { adminListen }))).toBe(
      '--admin-listen takes port 8080, which STATEWAY_LISTEN has; allowed is another port',
    );
  });

  it.each([
    ['0.0.0.0:0', '127.0.0.1:0'],
    ['10.0.0.1:8080', '127.0.0.1:8080'],
  ])('but %s and %s are two places', (listen, adminListen) => {
    expect(loadConfig({ STATEWAY_LISTEN: listen }, { adminListen }).sources.listen).toBe('environment');
  });

  it('a data directory that is a file', () => {
    const file = join(temporaryDirectory(), 'data');
    writeFileSync(file, '');
    expect(messageOf(() => loadConfig({ STATEWAY_DATA_DIR: file }, {}))).toContain('is not a directory');
  });

  it('but one that is there or is yet to be made is fine', () => {
    const directory = join(temporaryDirectory(), 'data');
    expect(loadConfig({}, { dataDir: directory }).dataDir).toBe(directory);
    mkdirSync(directory);
    expect(loadConfig({}, { dataDir: directory }).dataDir).toBe(directory);
  });
});

describe('files', () => {
  it('that are missing are refused with the reason', () => {
    expect(messageOf(() => loadConfig({ STATEWAY_UPSTREAM_CA_FILE: '/nowhere/ca.pem' }, {}))).toBe(
      'STATEWAY_UPSTREAM_CA_FILE "/nowhere/ca.pem" cannot be read (ENOENT); allowed is a file that can be read',
    );
  });
});
