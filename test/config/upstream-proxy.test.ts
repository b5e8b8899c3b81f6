import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/config/config-error.js';
import { describeConfig } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';
import { findUpstreamProxy } from '../../src/config/upstream-proxy.js';

const CLOUD = 'https://api.losant.com';

describe('the proxy', () => {
  it.each([
    ['http://proxy.plant:3128', 'http://proxy.plant:3128'],
    ['https://proxy.plant', 'https://proxy.plant'],
    ['HTTP://proxy.plant:3128/', 'http://proxy.plant:3128'],
    ['proxy.plant:3128', 'http://proxy.plant:3128'],
    ['localhost:3128', 'http://localhost:3128'],
    ['10.1.2.3:3128', 'http://10.1.2.3:3128'],
    ['[fd00::1]:3128', 'http://[fd00::1]:3128'],
    ['proxy.plant', 'http://proxy.plant'],
    ['user:s%40fe@proxy.plant:3128', 'http://user:s%40fe@proxy.plant:3128'],
    [' http://proxy.plant:3128\r\n', 'http://proxy.plant:3128'],
  ])('%j is %s', (text, url) => {
    expect(findUpstreamProxy({ HTTPS_PROXY: text }, CLOUD)).toEqual({ variable: 'HTTPS_PROXY', url });
  });

  it('is HTTPS_PROXY before HTTP_PROXY for an https cloud, and HTTP_PROXY alone for an http one', () => {
    const env = { HTTPS_PROXY: 'a:1', HTTP_PROXY: 'b:2' };
    expect(findUpstreamProxy(env, CLOUD)?.url).toBe('http://a:1');
    expect(findUpstreamProxy({ HTTP_PROXY: 'b:2' }, CLOUD)?.variable).toBe('HTTP_PROXY');
    expect(findUpstreamProxy(env, 'http://cloud')?.url).toBe('http://b:2');
    expect(findUpstreamProxy({ HTTPS_PROXY: 'a:1' }, 'http://cloud')).toBeUndefined();
  });

  it('has lower-case names first, and none where the value is empty or NO_PROXY says so', () => {
    expect(findUpstreamProxy({ https_proxy: 'a:1', HTTPS_PROXY: 'b:2' }, CLOUD)).toEqual({
      variable: 'https_proxy',
      url: 'http://a:1',
    });
    expect(findUpstreamProxy({ https_proxy: '', HTTPS_PROXY: 'b:2' }, CLOUD)).toBeUndefined();
    expect(findUpstreamProxy({ HTTPS_PROXY: ' ' }, CLOUD)).toBeUndefined();
    expect(findUpstreamProxy({ HTTPS_PROXY: 'a:1', NO_PROXY: 'losant.com' }, CLOUD)).toBeUndefined();
    expect(findUpstreamProxy({ HTTPS_PROXY: 'a:1', no_proxy: '', NO_PROXY: '*' }, CLOUD)?.url).toBe('http://a:1');
  });
});

describe('what cannot be a proxy', () => {
  it.each([
    'http://',
    'http:///proxy',
    '://proxy',
    'no url at all',
    ':3128',
    '@:3128',
    'proxy:99999',
    'ftp://proxy:21',
    'socks5://proxy:1080',
    'http://user:100%@proxy:3128',
    'http://user:hunter2/x@proxy:3128',
    'user:hunter2@',
    'user:hunter2@proxy:port',
  ])('%j is refused by name, needed or not, with no more than what is behind credentials', (text) => {
    for (const variable of ['HTTPS_PROXY', 'http_proxy']) {
      for (const upstreamUrl of [CLOUD, 'http://127.0.0.1:1']) {
        let thrown: unknown;
        try {
          loadConfig({ [variable]: text, STATEWAY_UPSTREAM_URL: upstreamUrl, NO_PROXY: '*' }, {});
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(ConfigError);
        const { message } = thrown as ConfigError;
        expect(message).toMatch(new RegExp(`^${variable} ".*" is not allowed; allowed is an http or https URL, or`));
        expect(message).not.toMatch(/hunter2|user/);
      }
    }
  });
});

it('stands in the effective configuration, without credentials, where it is used', () => {
  const rowsFor = (env: Record<string, string>) => describeConfig(loadConfig(env, {})).slice(-1);
  expect(rowsFor({ HTTPS_PROXY: 'user:hunter2@proxy:3128' })).toEqual([
    { variable: 'HTTPS_PROXY', value: 'http://***@proxy:3128', source: 'environment' },
  ]);
  expect(rowsFor({ HTTPS_PROXY: 'proxy:3128', NO_PROXY: '*' })).not.toMatchObject([{ variable: 'HTTPS_PROXY' }]);
});
