import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';

const LOSANT = 'mqtts://broker.losant.com:8883';
const TEST_CLOUD = 'http://127.0.0.1:8081';

describe('where commands come from', () => {
  it.each([
    [{}, LOSANT],
    [{ STATEWAY_UPSTREAM_URL: 'https://api.losant.com/' }, LOSANT],
    [{ STATEWAY_UPSTREAM_URL: TEST_CLOUD }, undefined],
    [{ STATEWAY_UPSTREAM_URL: 'https://api.losant.com.example' }, undefined],
    [
      { STATEWAY_UPSTREAM_URL: TEST_CLOUD, STATEWAY_MQTT_UPSTREAM_URL: 'mqtt://127.0.0.1:1884' },
      'mqtt://127.0.0.1:1884',
    ],
    [{ STATEWAY_MQTT_UPSTREAM_URL: 'wss://Broker.Example/mqtt' }, 'wss://broker.example/mqtt'],
    [{ STATEWAY_MQTT_UPSTREAM_URL: 'mqtt://[::1]:1884/' }, 'mqtt://[::1]:1884'],
    [{ STATEWAY_COMMANDS: 'off' }, undefined],
    [{ STATEWAY_COMMANDS: 'off', STATEWAY_MQTT_UPSTREAM_URL: LOSANT }, undefined],
  ])('with %j: %s', (env, url) => {
    expect(loadConfig(env, {}).commandBroker?.url).toBe(url);
  });

  it.each([
    ['mqtts://broker.example', { HTTPS_PROXY: 'http://proxy.example:3128' }, 'http://proxy.example:3128'],
    ['wss://broker.example', { HTTPS_PROXY: 'http://proxy.example:3128' }, 'http://proxy.example:3128'],
    ['mqtt://broker.example', { HTTPS_PROXY: 'http://proxy.example:3128' }, undefined],
    ['mqtt://broker.example', { HTTP_PROXY: 'http://plain.example:3128' }, 'http://plain.example:3128'],
    ['mqtts://broker.example', { HTTPS_PROXY: 'http://proxy.example', NO_PROXY: 'broker.example:8883' }, undefined],
    [
      'mqtts://broker.example',
      { HTTPS_PROXY: 'http://proxy.example', NO_PROXY: 'broker.example:443' },
      'http://proxy.example',
    ],
  ])('%s is reached by %j through %s', (url, env, proxyUrl) => {
    const { commandBroker } = loadConfig({ STATEWAY_MQTT_UPSTREAM_URL: url, ...env }, {});
    expect(commandBroker).toMatchObject({ url, proxy: proxyUrl === undefined ? undefined : { url: proxyUrl } });
  });

  it('is shown as it was given, without credentials in what is wrong', () => {
    const config = loadConfig({ STATEWAY_MQTT_UPSTREAM_URL: 'mqtt://127.0.0.1:1884' }, {});
    expect(describeConfig(config)).toContainEqual({
      variable: 'STATEWAY_MQTT_UPSTREAM_URL',
      value: 'mqtt://127.0.0.1:1884',
      source: 'environment',
    });
    expect(() => loadConfig({ STATEWAY_MQTT_UPSTREAM_URL: 'mqtt://key:hunter2@127.0.0.1' }, {})).toThrow(
      'STATEWAY_MQTT_UPSTREAM_URL "mqtt://***@127.0.0.1" is not allowed',
    );
  });
});
