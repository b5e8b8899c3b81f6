import { describe, expect, it } from 'vitest';
import { isId } from '../../src/core/device.js';
import { planFleet, planGateway } from '../../src/simulator/fleet-plan.js';

describe('planFleet', () => {
  it('derives the same devices from the same seed, whatever the length of the fleet', () => {
    expect(planFleet(100, 'plant').slice(0, 10)).toEqual(planFleet(10, 'plant'));
  });

  it('derives others from another seed', () => {
    const [one] = planFleet(1, 'plant');
    const [other] = planFleet(1, 'factory');
    expect(other?.deviceId).not.toBe(one?.deviceId);
    expect(other?.applicationId).not.toBe(one?.applicationId);
    expect(other?.credentials).not.toEqual(one?.credentials);
  });

  it('gives each device an id and credentials of its own, in one application', () => {
    const devices = [...planFleet(200, 'plant'), ...planGateway(50, 'plant')];
    expect(new Set(devices.map(({ deviceId }) => deviceId)).size).toBe(251);
    expect(new Set(devices.map(({ applicationId }) => applicationId)).size).toBe(1);
    expect(devices.every(({ deviceId, applicationId }) => isId(deviceId) && isId(applicationId))).toBe(true);
    expect(new Set(devices.flatMap(({ credentials }) => credentials?.secret ?? [])).size).toBe(201);
  });
});

describe('planGateway', () => {
  it('puts the peripherals behind the gateway, without credentials', () => {
    const [gateway, ...peripherals] = planGateway(2, 'plant');
    expect(gateway.deviceClass).toBe('gateway');
    expect(peripherals).toMatchObject([
      { deviceClass: 'peripheral', gatewayId: gateway.deviceId, credentials: undefined },
      { deviceClass: 'peripheral', gatewayId: gateway.deviceId, credentials: undefined },
    ]);
  });
});
