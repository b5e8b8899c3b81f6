import { setImmediate as turn } from 'node:timers/promises';
import { StatewayError } from '../../src/core/errors.js';
import { Meters } from '../../src/core/metering/meters.js';
import { RefusalRing } from '../../src/core/metering/refusal-ring.js';
import type { CallStream } from '../../src/core/passed-call.js';
import { TOLD_AFTER_MS } from '../../src/front/due-answers.js';
import { MqttFront, type MqttOptions } from '../../src/front/mqtt/mqtt-front.js';
import { Front, type FrontOptions } from '../../src/front/server.js';
import { pickUws } from '../../src/front/uws.js';
import { FakeClock } from './fake-clock.js';
import { ScriptedCalls, ScriptedIntake, ScriptedLetters, ScriptedLogin } from './front-doubles.js';
import { ScriptedAuthorizer } from './scripted-authorizer.js';
import { atEnd, expect } from './test-scope.js';

export const APPLICATION = '5a0000000000000000000001';
export const DEVICE = '5b0000000000000000000001';
export const OTHER_DEVICE = '5b0000000000000000000002';
export const TOKEN = 'the.test.token';

export const STATE_PATH = `/applications/${APPLICATION}/devices/${DEVICE}/state`;
export const GATEWAY_PATH = `/applications/${APPLICATION}/state`;
export const STATE = '{"data":{"temperature":21.5}}';

const { uws } = pickUws();

export interface HarnessOptions {
  readonly maxBodyBytes?: number;
  readonly maxUnansweredBytes?: number;
  readonly host?: string;
  readonly port?: number;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** 'none' if left out. */
  readonly passthrough?: FrontOptions['passthrough'];
  readonly maxPassedCalls?: FrontOptions['maxPassedCalls'];
  /** Where calls go in place of {@link FrontHarness.calls}. */
  readonly callStream?: CallStream;
  /** MQTT over WebSocket alone, unless it says where else. */
  readonly mqtt?: Partial<MqttOptions>;
}

/** A real front on a port of its own between clients and scripted stages. */
export interface FrontHarness {
  readonly front: Front;
  readonly port: number;
  readonly authorizer: ScriptedAuthorizer;
  readonly intake: ScriptedIntake;
  readonly login: ScriptedLogin;
  readonly calls: ScriptedCalls;
  readonly meters: Meters;
  readonly refusals: RefusalRing;
  readonly clock: FakeClock;
  /** What was set aside as no state. */
  readonly letters: ScriptedLetters;
}

/**
 * Starts a front. When the test is over it is closed, what is still open is settled, and nothing may be left in the
 * admission: whatever a test does, it shows a leak too.
 */
export async function startFront(options: HarnessOptions = {}): Promise<FrontHarness> {
  const harness = createFront(options);
  const { front, authorizer, intake, calls } = harness;
  atEnd(async () => {
    await front.close(0);
    for (const question of authorizer.asked) question.refuse(new StatewayError('STATEWAY_STOPPING', 'over'));
    for (const proof of authorizer.proofs) proof.refuse(new StatewayError('STATEWAY_STOPPING', 'over'));
    calls.close();
    await turn();
    await intake.close();
    await turn();
    expect({ unanswered: front.unansweredBytes(), ...front.connections(), ...front.underWay() }).toEqual({
      unanswered: 0,
      http: 0,
      websocket: 0,
      mqtt: 0,
      mqtts: 0,
      'mqtt-ws': 0,
    });
  });
  return { ...harness, port: (await front.listen()).device as number };
}

/** A front that does not listen yet. */
export function createFront(options: HarnessOptions = {}): Omit<FrontHarness, 'port'> {
  const authorizer = new ScriptedAuthorizer();
  const intake = new ScriptedIntake();
  const login = new ScriptedLogin();
  const calls = new ScriptedCalls();
  const meters = new Meters();
  const clock = new FakeClock();
  const letters = new ScriptedLetters();
  const refusals = new RefusalRing(clock);
  const front = new Front({
    uws,
    listen: { host: options.host ?? '127.0.0.1', port: options.port ?? 0 },
    ...(options.tls ? { tls: options.tls } : {}),
    maxBodyBytes: options.maxBodyBytes ?? 262_144,
    maxUnansweredBytes: options.maxUnansweredBytes ?? 64 * 1024 * 1024,
    authorizer,
    deviceLogin: login,
    intake,
    calls: options.callStream ?? calls,
    passthrough: options.passthrough ?? 'none',
    ...(options.maxPassedCalls === undefined ? {} : { maxPassedCalls: options.maxPassedCalls }),
    mqtt: (context) =>
      new MqttFront(context, {
        listen: undefined,
        tlsListen: undefined,
        maxConnections: 1_000,
        maxInflight: 1_000,
        letters,
        uplinks: undefined,
        random: () => 0,
        onFlapping: () => {},
        onDenied: () => {},
        onLetterFlood: () => {},
        onFault: (error) => {
          throw error;
        },
        ...options.mqtt,
      }),
    meters,
    refusals,
    clock,
  });
  return { front, authorizer, intake, login, calls, meters, refusals, clock, letters };
}

/** Lets the event loop turn until `isSo`; the test's own time limit ends a wait in vain. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn();
}

/** Waits until so many frames were refused for want of room, and lets the clients be told of them. */
export async function tellRefusals({ meters, clock }: FrontHarness, frames: number): Promise<void> {
  await until(() => meters.received.websocket.unavailable === frames);
  await clock.advance(TOLD_AFTER_MS);
}
