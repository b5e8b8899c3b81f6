import { describe, test } from 'vitest';
import type { TokenSubject } from '../../src/simulator/cloud-tokens.js';
import { type PlannedDevice, planFleet, planGateway } from '../../src/simulator/fleet-plan.js';
import { tokenOf } from '../auth/tokens.js';
import { openSite, postState, untilHeld } from '../helpers/bench-site.js';
import { openPassingSite, type PassingSite } from '../helpers/passing-site.js';
import { answerAsCloud } from '../helpers/recording-cloud.js';
import { expect, sharedByTests } from '../helpers/test-scope.js';

const [gateway, peripheral] = planGateway(1, 'whose') as [PlannedDevice, PlannedDevice];
const [device, other] = planFleet(2, 'whose') as [PlannedDevice, PlannedDevice];
const [stranger] = planFleet(1, 'of another application') as [PlannedDevice];
const DEVICES = [gateway, peripheral, device, other, stranger];

const OWN: TokenSubject = { kind: 'device', deviceId: device.deviceId };
const OF_GATEWAY: TokenSubject = { kind: 'device', deviceId: gateway.deviceId };
const OF_APPLICATION: TokenSubject = { kind: 'application', applicationId: device.applicationId };

const OLDER = tokenOf('older');
const NEWER = tokenOf('newer');

/** Who may send for whom (docs/cloud.md, "Identifiers and tokens"). */
const RIGHTS: readonly [whose: string, TokenSubject, scope: string, may: PlannedDevice[]][] = [
  ["a device's own", OWN, 'all.Device', [device]],
  ["a device's own, that may send but not read", OWN, 'device.sendState', [device]],
  ["a device's own, that may read but not send", OWN, 'device.get', []],
  ["a gateway's", OF_GATEWAY, 'all.Device', [gateway, peripheral]],
  ["a gateway's, that may send but not read", OF_GATEWAY, 'device.sendState', [gateway, peripheral]],
  ["an application's", OF_APPLICATION, 'all.Application', [gateway, peripheral, device, other]],
  ["a user's", { kind: 'user' }, 'all.User', DEVICES],
];

describe.each([
  ['lets gateways read their peripherals', true],
  ['does not let them', false],
])('where the cloud %s', (_name, gatewayReadsPeripherals) => {
  const shared = sharedByTests(() => openSite({ cloud: { devices: DEVICES, gatewayReadsPeripherals } }));

  test.each(RIGHTS)('%s token sends for those it may, and nobody else', async (whose, subject, scope, may) => {
    const site = shared();
    const token = site.cloud.issueToken({ subject, scopes: [scope], ttlSeconds: 600 });
    const statesOf = ({ deviceId }: PlannedDevice) =>
      site.cloud.ledger(deviceId)?.records.filter(({ data }) => data.whose === whose) ?? [];
    for (const each of DEVICES) {
      const { status } = await postState(site, each, token, { data: { whose } });
      expect(status).toBe(may.includes(each) ? 200 : 403);
    }
    for (const each of may) await untilHeld(site, each, () => statesOf(each).length === 1);
    for (const each of DEVICES) expect(statesOf(each)).toHaveLength(may.includes(each) ? 1 : 0);
  });
});

describe.concurrent('states are forwarded', () => {
  const path = `/applications/${device.applicationId}/devices/${device.deviceId}`;

  async function post({ proxy }: PassingSite, token: string): Promise<void> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${proxy.url}${path}/state`, { method: 'POST', headers, body: '{"data":{"n":1}}' });
    expect(answer.status).toBe(200);
  }

  /** The tokens that states were forwarded with, in order, once there are so many. */
  async function forwardedWith({ cloud }: PassingSite, count: number): Promise<(string | undefined)[]> {
    const tokens = () => {
      const posts = cloud.requests.filter(({ method, url }) => method === 'POST' && url === `${path}/state`);
      return posts.map(({ headers }) => headers.authorization?.slice('Bearer '.length));
    };
    await expect.poll(() => tokens().length).toBe(count);
    return tokens();
  }

  test('with the newest good token of the device, and with an older one when that is refused', async () => {
    const site = await openPassingSite({
      answer: (request, response) => {
        const isRefused = request.method === 'POST' && request.headers.authorization === `Bearer ${NEWER}`;
        answerAsCloud(request, response, isRefused ? 401 : 200);
      },
    });
    await post(site, OLDER);
    expect(await forwardedWith(site, 1)).toEqual([OLDER]);
    await post(site, NEWER);
    expect(await forwardedWith(site, 3)).toEqual([OLDER, NEWER, OLDER]);
  });

  test('with STATEWAY_UPSTREAM_TOKEN where that is set, whoever sent them', async () => {
    const site = await openPassingSite({
      env: { STATEWAY_UPSTREAM_TOKEN: 'of-the-plant' },
    });
    await post(site, OLDER);
    expect(await forwardedWith(site, 1)).toEqual(['of-the-plant']);
    await post(site, NEWER);
    expect(await forwardedWith(site, 2)).toEqual(['of-the-plant', 'of-the-plant']);
    const questions = site.cloud.requests.filter(({ method }) => method === 'GET');
    expect(questions.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${OLDER}`, `Bearer ${NEWER}`]);
  });
});
