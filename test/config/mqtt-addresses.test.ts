import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';

describe('the addresses of MQTT', () => {
  it('are off, or places', () => {
    const { mqttListen, mqttTlsListen } = loadConfig({ STATEWAY_MQTT_LISTEN: '[::]:1883' }, {});
    expect([mqttListen, mqttTlsListen]).toEqual([{ host: '::', port: 1883 }, 'off']);
  });

  it('over TLS want the certificate and its key', () => {
    expect(() => loadConfig({ STATEWAY_MQTT_TLS_LISTEN: '0.0.0.0:8883' }, {})).toThrow(
      'STATEWAY_MQTT_TLS_LISTEN is set without STATEWAY_TLS_CERT_FILE and STATEWAY_TLS_KEY_FILE; allowed is off, or both files',
    );
  });

  it.each([
    ['STATEWAY_LISTEN', '0.0.0.0:1883', '127.0.0.1:1883'],
    ['STATEWAY_ADMIN_LISTEN', '127.0.0.1:1883', '0.0.0.0:1883'],
  ])('keep clear of %s', (variable, other, mqttListen) => {
    expect(() => loadConfig({ [variable]: other }, { mqttListen })).toThrow(
      `--mqtt-listen takes port 1883, which ${variable} has; allowed is another port`,
    );
  });

  it('may have one port on two places', () => {
    expect(() => loadConfig({ STATEWAY_LISTEN: '127.0.0.1:1883' }, { mqttListen: '127.0.0.2:1883' })).not.toThrow();
  });
});
