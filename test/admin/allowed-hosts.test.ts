import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { AllowedHosts, explainHost, ownNames } from '../../src/admin/allowed-hosts.js';

const hosts = new AllowedHosts(['Admin.plant.example', '.svc', '.svc.cluster.local']);

describe('the admin side', () => {
  it.each([
    undefined,
    '',
    'localhost',
    'LOCALHOST:19090',
    'localhost.',
    'plant.localhost:9090',
    '127.0.0.1',
    '10.1.2.3:9090',
    '[::1]',
    '[fd00::1]:9090',
    'admin.plant.example:9090',
    'stateway-pods.stateway.svc:9090',
    'stateway-0.stateway-pods.stateway.svc.cluster.local:9090',
  ])('may be asked as %j', (host) => {
    expect(hosts.allows(host)).toBe(true);
  });

  it.each([
    'evil.example',
    'evil.example:9090',
    'admin.plant.example.evil.example',
    'evil-admin.plant.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'a.svc.evil.example',
    'notlocalhost',
    'svc',
    '[evil.example]',
    '[127.0.0.1]',
    '::1',
    '2130706433',
    'localhost:9090:9090',
    'localhost@evil.example',
    '[::1]evil.example',
  ])('may not be asked as %j', (host) => {
    expect(hosts.allows(host)).toBe(false);
  });
});

it('knows its machine, and in a cluster the Services of it', () => {
  expect(ownNames({})).toContain(hostname());
  expect(ownNames({})).not.toContain('.svc');
  expect(ownNames({ KUBERNETES_SERVICE_HOST: '10.0.0.1' })).toEqual(
    expect.arrayContaining(['.svc', '.svc.cluster.local']),
  );
});

it('says which name, cut to the length of one, and what is allowed', () => {
  expect(explainHost(`e"${'x'.repeat(9_000)}`)).toMatch(
    /^The admin side is not asked by the name "e\\"x{251}"; allowed are .*STATEWAY_ADMIN_HOSTS$/,
  );
});
