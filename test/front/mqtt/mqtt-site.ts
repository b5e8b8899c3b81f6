import { setImmediate as turn } from 'node:timers/promises';
import { generate, type IConnectPacket, type Packet, parser } from 'mqtt-packet';
import { expect, onTestFinished } from 'vitest';
import { mqttStrangers } from '../../../src/core/bounds.js';
import type { CloudAnswer } from '../../../src/core/cloud-port.js';
import { StatewayError } from '../../../src/core/errors.js';
import type { Grant } from '../../../src/core/grant.js';
import { Meters, type MqttTransport } from '../../../src/core/metering/meters.js';
import { RefusalRing } from '../../../src/core/metering/refusal-ring.js';
import type { Uplinks } from '../../../src/core/uplink-ports.js';
import { Admission } from '../../../src/front/admission.js';
import { DueAcks } from '../../../src/front/due-answers.js';
import type { FrontContext } from '../../../src/front/front-context.js';
import { MqttConnection } from '../../../src/front/mqtt/connection.js';
import { DeviceLetters, type LetterFlood } from '../../../src/front/mqtt/device-letters.js';
import type { Line } from '../../../src/front/mqtt/line.js';
import { LogIns } from '../../../src/front/mqtt/log-ins.js';
import type { MqttContext } from '../../../src/front/mqtt/mqtt-context.js';
import { type DeniedTopic, DeniedTopics } from '../../../src/front/mqtt/recent-troubles.js';
import { RefusalHolds, StrangerLines } from '../../../src/front/mqtt/stranger-lines.js';
import { type FlappingId, Takeovers } from '../../../src/front/mqtt/takeovers.js';
import { FakeClock } from '../../helpers/fake-clock.js';
import { ScriptedIntake, ScriptedLetters, ScriptedLogin } from '../../helpers/front-doubles.js';
import { ScriptedAuthorizer } from '../../helpers/scripted-authorizer.js';

export const APPLICATION = '5a0000000000000000000001';
export const DEVICE = '5b0000000000000000000001';
export const OTHER = '5b0000000000000000000002';
export const TOKEN = 'the.test.token';
export const STATE = '{"data":{"temperature":21.5}}';
export const STATE_TOPIC = `losant/${DEVICE}/state`;

/** What came down to a device. */
export type Down = Readonly<Record<string, unknown>>;

/** A line whose other end is the test. */
export class FakeLine implements Line {
  readonly transport: MqttTransport;
  readonly peer: string;
  readonly address: string;
  canHalt = true;
  unsentBytes = 0;
  isHalted = false;
  isAccepted = false;
  /** How it was closed from here; 'open' while it was not. */
  state: 'open' | 'ended' | 'cut' = 'open';
  /** Every call of `write`, in hex. */
  readonly writes: string[] = [];
  readonly packets: Down[] = [];
  connection!: MqttConnection;
  readonly #parser = parser({ protocolVersion: 4 });

  constructor(transport: MqttTransport, peer: string) {
    this.transport = transport;
    this.peer = peer;
    this.address = peer;
    this.#parser.on('packet', (packet) => this.packets.push(packet as unknown as Down));
  }

  write(bytes: Uint8Array): void {
    if (this.state !== 'open') throw new Error('a closed line is written to');
    this.writes.push(Buffer.from(bytes).toString('hex'));
    this.#parser.parse(Buffer.from(bytes));
  }

  accepted(): void {
    this.isAccepted = true;
  }

  halt(): void {
    this.isHalted = true;
  }

  goOn(): void {
    this.isHalted = false;
  }

  end(): void {
    this.#close('ended');
  }

  cut(): void {
    this.#close('cut');
  }

  /** The other end sends packets, or bytes. */
  send(...packets: readonly (Packet | Uint8Array)[]): void {
    const parts = packets.map((packet) => (packet instanceof Uint8Array ? packet : generate(packet)));
    this.connection.receive(Uint8Array.from(Buffer.concat(parts)));
  }

  /** The other end hangs up. */
  hangUp(): void {
    if (this.state === 'open') this.#close('ended');
  }

  #close(state: 'ended' | 'cut'): void {
    if (this.state !== 'open') throw new Error('a line is closed twice');
    this.state = state;
    this.connection.closed();
  }
}

export interface SiteOptions {
  readonly maxBodyBytes?: number;
  readonly maxUnansweredBytes?: number;
  readonly maxInflight?: number;
  /** None where it is left out: no commands. */
  readonly uplinks?: Uplinks;
}

/** MQTT connections between scripted stages, by a clock of the test. */
export class MqttSite {
  readonly clock = new FakeClock();
  readonly authorizer = new ScriptedAuthorizer();
  readonly intake = new ScriptedIntake();
  readonly login = new ScriptedLogin();
  readonly letters = new ScriptedLetters();
  readonly meters = new Meters();
  readonly refusals = new RefusalRing(this.clock);
  readonly flapping: FlappingId[] = [];
  readonly denied: DeniedTopic[] = [];
  readonly floods: LetterFlood[] = [];
  readonly faults: unknown[] = [];
  readonly context: MqttContext;
  readonly open = new Set<MqttConnection>();
  readonly #lines: FakeLine[] = [];

  constructor(options: SiteOptions = {}) {
    const { clock, authorizer, intake, login, meters, refusals } = this;
    const { maxBodyBytes = 262_144, maxUnansweredBytes = 64 * 1024 * 1024, maxInflight = 1_000 } = options;
    const front = {
      authorizer,
      deviceLogin: login,
      intake,
      admission: new Admission(maxUnansweredBytes, maxBodyBytes),
      dueAcks: new DueAcks(),
      meters,
      refusals,
      clock,
      maxBodyBytes,
      stopping: false,
    } as unknown as FrontContext;
    this.context = {
      front,
      letters: new DeviceLetters(this.letters, clock, (flood) => this.floods.push(flood)),
      uplinks: options.uplinks,
      logIns: new LogIns(login, authorizer),
      takeovers: new Takeovers(clock, (flapping) => this.flapping.push(flapping)),
      holds: new RefusalHolds(clock),
      strangers: new StrangerLines(mqttStrangers(1_000)),
      denied: new DeniedTopics(clock, (denied) => this.denied.push(denied)),
      onFault: (error) => this.faults.push(error),
      maxInflight,
    };
    onTestFinished(() => this.#end());
  }

  /** A new line, with nothing sent yet. */
  line(transport: MqttTransport = 'mqtt', peer = '192.0.2.7'): FakeLine {
    const line = new FakeLine(transport, peer);
    line.connection = new MqttConnection(this.context, line, (ended) => this.open.delete(ended));
    this.open.add(line.connection);
    this.#lines.push(line);
    return line;
  }

  /** Makes a device known: its credentials, and a grant of its token. */
  know(deviceId = DEVICE, access: Record<string, unknown> = {}, expiresAtMs?: number): Grant {
    const id = deviceId.toLowerCase();
    const token = `${TOKEN}.${id}`;
    this.login.known.set(bodyOf(deviceId), authed(id, token, access));
    return this.authorizer.give(token, APPLICATION, id, expiresAtMs);
  }

  /** A device that is known and has been accepted. */
  async connected(packet: Partial<IConnectPacket> = {}, access: Record<string, unknown> = {}): Promise<FakeLine> {
    const line = this.line();
    this.know(packet.clientId ?? DEVICE, access);
    line.send(connect(packet));
    await turn();
    expect(line.packets.shift()).toMatchObject({ cmd: 'connack', returnCode: 0, sessionPresent: false });
    return line;
  }

  /** Whatever a test does, nothing may be left held, waiting or counted. */
  async #end(): Promise<void> {
    for (const line of this.#lines) line.hangUp();
    for (const question of this.authorizer.asked) question.refuse(new StatewayError('STATEWAY_STOPPING', 'over'));
    for (const proof of this.authorizer.proofs) proof.refuse(new StatewayError('STATEWAY_STOPPING', 'over'));
    await turn();
    await this.intake.close();
    await turn();
    await this.clock.advance(60_000);
    const { front, strangers, takeovers } = this.context;
    expect({
      open: this.open.size,
      bytes: front.admission.bytes,
      strangers: strangers.size,
      accepted: takeovers.size,
      timers: this.clock.pendingTimers,
    }).toEqual({ open: 0, bytes: 0, strangers: 0, accepted: 0, timers: 0 });
  }
}

/** The body of the log-in that a CONNECT of {@link connect} stands for. */
export function bodyOf(deviceId: string, secret = 'the-secret'): string {
  return JSON.stringify({ deviceId, key: 'the-key', secret });
}

/** What the cloud answers to a good log-in. */
export function authed(deviceId: string, token: string, access: Record<string, unknown> = {}): CloudAnswer {
  const body = { applicationId: APPLICATION, deviceId, token, ...access };
  return { status: 200, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)) };
}

export function refusal(status: number): CloudAnswer {
  const body = { type: 'Refused', message: 'as the cloud says' };
  return { status, contentType: 'application/json', body: Buffer.from(JSON.stringify(body)) };
}

/** A CONNECT with credentials. */
export function connect(packet: Partial<IConnectPacket> = {}): IConnectPacket {
  return {
    cmd: 'connect',
    clientId: DEVICE,
    protocolId: 'MQTT',
    protocolVersion: 4,
    clean: true,
    keepalive: 60,
    username: 'the-key',
    password: Buffer.from('the-secret'),
    ...packet,
  };
}

/** A PUBLISH of a state; at QoS 0 unless it has an identifier. */
export function publish(payload: string | Uint8Array = STATE, messageId = 0, topic = STATE_TOPIC): Packet {
  const qos = messageId === 0 ? 0 : 1;
  return { cmd: 'publish', topic, payload: Buffer.from(payload as string), qos, messageId, dup: false, retain: false };
}

/** The identifiers of the PUBACKs so far. */
export function pubacks({ packets }: FakeLine): unknown[] {
  return packets.filter(({ cmd }) => cmd === 'puback').map(({ messageId }) => messageId);
}

export { turn };
