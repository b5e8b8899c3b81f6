import { expect, it } from 'vitest';
import { instructions } from '../../src/app/commands/simulate-command.js';

const DEVICE = {
  applicationId: '5a0000000000000000000001',
  deviceId: '5b0000000000000000000001',
  credentials: { key: 'the key', secret: 'the secret' },
} as Parameters<typeof instructions>[2];

it.each([
  [
    'has a broker',
    'mqtt://127.0.0.1:1884',
    'STATEWAY_MQTT_LISTEN=127.0.0.1:1883 STATEWAY_MQTT_UPSTREAM_URL=mqtt://127.0.0.1:1884 ',
  ],
  ['has none', undefined, ''],
])('a cloud that %s says how to start a proxy in front of it', (_what, mqttUrl, before) => {
  const line = `  ${before}STATEWAY_UPSTREAM_URL=http://127.0.0.1:8081 stateway serve`;
  expect(instructions('http://127.0.0.1:8081', mqttUrl, DEVICE).split('\n')).toContain(line);
});
