import { expect, it } from 'vitest';
import { describeConfig } from '../../src/config/describe.js';
import { loadConfig } from '../../src/config/load.js';

it('shows values as an operator writes them, with where they came from, and no secret', () => {
  const secretKey = Buffer.alloc(32, 7).toString('base64');
  const config = loadConfig(
    { STATEWAY_UPSTREAM_TOKEN: 'hunter2', STATEWAY_SECRET_KEY: secretKey },
    { windowMs: '2000' },
  );
  const rows = describeConfig(config);
  const row = (variable: string) => rows.find((candidate) => candidate.variable === variable);
  expect(row('STATEWAY_WINDOW_MS')).toEqual({
    variable: 'STATEWAY_WINDOW_MS',
    value: '2s',
    source: 'flag',
  });
  expect(row('STATEWAY_UPSTREAM_TOKEN')).toMatchObject({ value: 'set, hidden', source: 'environment' });
  expect(row('STATEWAY_TLS_CERT_FILE')).toMatchObject({ value: null, source: 'default' });
  expect(row('STATEWAY_LISTEN')).toMatchObject({ value: '0.0.0.0:8080' });
  expect(row('STATEWAY_MAX_SPOOL_BYTES')).toMatchObject({ value: '10GiB' });
  expect(row('STATEWAY_RETENTION_MS')).toMatchObject({ value: '30d' });
  expect(row('STATEWAY_PASSTHROUGH')).toMatchObject({ value: 'all' });
  expect(JSON.stringify(rows)).not.toContain('hunter2');
  expect(JSON.stringify(rows)).not.toContain(secretKey);
});

it('shows a secret that is not set as not set', () => {
  const rows = describeConfig(loadConfig({}, {}));
  expect(rows.find(({ variable }) => variable === 'STATEWAY_SECRET_KEY')?.value).toBeNull();
});
