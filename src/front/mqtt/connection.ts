import { isId } from '../../core/device.js';
import type { StatewayError } from '../../core/errors.js';
import type { MqttCloseReason, MqttConnectResult } from '../../core/metering/meters.js';
import { Alarm } from '../../core/time/time-limit.js';
import { Asking } from './asking.js';
import { Flow, type FlowUser, type HaltReason } from './flow.js';
import { KeepAlive } from './keep-alive.js';
import type { Line, LineUser } from './line.js';
import { credentialsOf, type LoggedIn, type MqttCredentials } from './log-ins.js';
import type { MqttContext } from './mqtt-context.js';
import { Outbox } from './outbox.js';
import { type ConnackCode, connack, PINGRESP } from './packet-writer.js';
import { CONNECT_ERRORS, type ConnectPacket, connectBytes, malformed, type OtherVersion } from './packets.js';
import { Session, type SessionOwner } from './session.js';
import type { StrangerLine } from './stranger-lines.js';
import type { AcceptedConnection } from './takeovers.js';
import { usableWill } from './wills.js';

/** Contract 1.9.1: so long a connection may say nothing. */
const CONNECT_WITHIN_MS = 10_000;
/** From CONNECT on, while the cloud cannot be asked (contract 1.9.2): clients themselves give up after 30 s. */
const LOG_IN_WITHIN_MS = 25_000;

/**
 * - `new`: no CONNECT yet
 * - `logging in`: the credentials are being checked
 * - `open`: accepted
 * - `held`: refused, and not told yet
 * - `ended`
 */
type Phase = 'new' | 'logging in' | 'open' | 'held' | 'ended';

/** One MQTT connection, whatever it comes over: from its first byte to its end (contract 1.9.2, 1.9.6). */
export class MqttConnection implements LineUser, FlowUser, SessionOwner, AcceptedConnection, StrangerLine {
  readonly address: string;
  readonly peer: string;
  readonly outbox: Outbox;
  readonly #context: MqttContext;
  readonly #line: Line;
  readonly #onEnded: (connection: MqttConnection) => void;
  readonly #flow: Flow;
  /** What the phase waits for; while open, the keep-alive. */
  readonly #alarm: Alarm;
  /** Undefined while the cloud need not be asked, as for every device that is known here. */
  #asking: Asking | undefined = undefined;
  readonly #keepAlive: KeepAlive;
  #phase: Phase = 'new';
  /** As the client spells it; '' before CONNECT, and where it is no id. */
  #clientId = '';
  #session: Session | undefined = undefined;
  #isStopping = false;
  #isLineGone = false;

  /** @param onEnded called once, when nothing is to be done for it any more */
  constructor(context: MqttContext, line: Line, onEnded: (connection: MqttConnection) => void) {
    const { clock, dueAcks } = context.front;
    this.#context = context;
    this.#line = line;
    this.#onEnded = onEnded;
    this.address = line.address;
    this.peer = line.peer;
    this.outbox = new Outbox((bytes) => this.#flow.write(bytes), dueAcks, line);
    this.#flow = new Flow(context, line, this);
    this.#alarm = new Alarm(clock);
    this.#keepAlive = new KeepAlive(clock, this.#alarm, this.#flow, () => this.end('keepalive'));
    context.strangers.addSilent(this);
    this.#alarm.set(CONNECT_WITHIN_MS, () => this.#leave('protocol'));
  }

  /** Whether everything that was read has been answered, as far as that does not depend on others. */
  get isSettled(): boolean {
    return this.#session?.isSettled ?? true;
  }

  /** There are too many: it is held, and then closed. */
  refuseForNumber(): void {
    this.#refuse('full', undefined, CONNECT_ERRORS.full);
  }

  /** Nothing more is read; what was read is still answered. Where it was not accepted yet, that is all. */
  stop(): void {
    this.#isStopping = true;
    if (this.#phase === 'open') this.halt('stopping');
    else this.#leave('unavailable');
  }

  receive(chunk: Uint8Array): void {
    this.#flow.receive(chunk);
  }

  drained(): void {
    this.#flow.drained();
  }

  closed(): void {
    // First: nothing is written to it any more.
    this.#flow.end();
    this.#isLineGone = true;
    if (this.#phase === 'open') this.#finish('client', !this.#isStopping);
    else this.#end();
  }

  giveWay(): void {
    this.#leave('unavailable');
  }

  takenOver(): void {
    this.end('takeover');
  }

  onConnect(packet: ConnectPacket | OtherVersion): void {
    if (this.#phase !== 'new') {
      this.onMalformed(malformed('CONNECT: it comes a second time (3.1.0-2)'));
      return;
    }
    if (packet.kind === 'other version') {
      this.#refuse('protocol', 1, CONNECT_ERRORS.version, packet.clientId);
      return;
    }
    if (!isId(packet.clientId)) {
      this.#refuse('identifier', 2, CONNECT_ERRORS.clientId, packet.clientId);
      return;
    }
    this.#clientId = packet.clientId;
    const credentials = credentialsOf(packet);
    if (credentials === undefined) this.#refuse('credentials', 4, CONNECT_ERRORS.credentials);
    else this.#logIn(packet, credentials);
  }

  onPublish(qos: 0 | 1, packetId: number, topic: Uint8Array, payload: Uint8Array): void {
    this.#opened('PUBLISH')?.publish(qos, packetId, topic, payload);
  }

  onOversize(qos: 0 | 1, packetId: number): void {
    this.#opened('PUBLISH')?.oversize(qos, packetId);
  }

  onSubscribe(packetId: number, filters: readonly string[]): void {
    this.#opened('SUBSCRIBE')?.subscribe(packetId, filters);
  }

  onUnsubscribe(packetId: number, filters: readonly string[]): void {
    this.#opened('UNSUBSCRIBE')?.unsubscribe(packetId, filters);
  }

  onPing(): void {
    if (this.#opened('PINGREQ') !== undefined) this.outbox.add(PINGRESP);
  }

  onPuback(): void {
    this.#opened('PUBACK');
  }

  onDisconnect(): void {
    if (this.#opened('DISCONNECT') !== undefined) this.#finish('client', false);
  }

  onMalformed(error: StatewayError): void {
    if (error.cause !== undefined) this.#context.onFault(error.cause);
    if (this.#phase !== 'open') {
      this.#refuse('protocol', undefined, error);
      return;
    }
    this.#note(error, this.#clientId);
    this.end('protocol');
  }

  onStuck(why: 'slow' | 'unavailable'): void {
    if (this.#phase === 'open') this.end(why);
    else this.#refuse('unavailable', undefined, CONNECT_ERRORS.stuck);
  }

  halt(reason: HaltReason): void {
    this.#flow.halt(reason);
  }

  goOn(reason: HaltReason): void {
    this.#flow.goOn(reason);
  }

  /** Its will is taken in, unless it is the proxy that leaves. */
  end(reason: MqttCloseReason): void {
    this.#finish(reason, reason !== 'stopping');
  }

  #logIn(packet: ConnectPacket, credentials: MqttCredentials): void {
    this.#phase = 'logging in';
    this.#flow.keepBehindConnect(connectBytes(packet));
    const { front, logIns, strangers } = this.#context;
    strangers.heard(this);
    const known = logIns.recall(credentials);
    if (known !== undefined) {
      this.#acceptInTurn(packet, credentials, known);
      return;
    }
    this.#alarm.set(LOG_IN_WITHIN_MS, () => {
      this.#note(CONNECT_ERRORS.unchecked, this.#clientId);
      this.#leave('unavailable');
    });
    this.#asking = new Asking(logIns, front.clock);
    this.#asking.start(credentials, this, this.peer, (said) => {
      if (said.kind === 'logged in') this.#acceptInTurn(packet, credentials, said);
      else this.#refuse('credentials', 5, said.error);
    });
  }

  /** Where two clients share an id, each has to wait (contract 1.9.6). */
  #acceptInTurn(packet: ConnectPacket, credentials: MqttCredentials, loggedIn: LoggedIn): void {
    const delayMs = this.#context.takeovers.delayMs(this.#deviceId);
    if (delayMs === 0) this.#accept(packet, credentials, loggedIn);
    else this.#alarm.set(delayMs, () => this.#accept(packet, credentials, loggedIn));
  }

  #accept(packet: ConnectPacket, credentials: MqttCredentials, loggedIn: LoggedIn): void {
    const { front, holds, strangers, takeovers } = this.#context;
    const { meters } = front;
    this.#phase = 'open';
    this.#alarm.clear();
    strangers.remove(this);
    holds.forget(this.#deviceId);
    this.#line.accepted();
    const isTakeover = takeovers.accept(this.#deviceId, this);
    meters.mqtt.connects[isTakeover ? 'takeover' : 'accepted']++;
    const will = usableWill(packet.will, this.#deviceId, loggedIn.access);
    if (will !== packet.will) meters.mqtt.ignoredWills++;
    this.outbox.add(connack(0));
    const { peer, transport } = this.#line;
    this.#session = new Session(this.#context, this, { credentials, loggedIn, will, transport, asker: this, peer });
    this.#keepAlive.start(packet.keepAliveSeconds);
    this.#flow.open(this.#deviceId);
  }

  /** The connection is held, told where there is something to tell, and closed. */
  #refuse(result: MqttConnectResult, code: ConnackCode | undefined, error: StatewayError, name = this.#clientId): void {
    if (this.#phase === 'held' || this.#phase === 'ended') return;
    this.#phase = 'held';
    this.#note(error, name);
    this.#context.strangers.heard(this);
    this.#context.front.meters.mqtt.connects[result]++;
    this.#flow.end();
    this.#asking?.stop();
    const holdMs = this.#context.holds.next(this.#clientId === '' ? this.address : this.#deviceId);
    this.#alarm.set(holdMs, () => {
      if (code !== undefined) this.#line.write(connack(code));
      this.#end();
      this.#line.end();
    });
  }

  /** For whoever looks for a device that is refused. @param name its client id, whatever that is */
  #note(error: StatewayError, name: string): void {
    const { address } = this;
    const isKnown = this.#phase === 'open';
    this.#context.front.refusals.note(error, { applicationId: '', deviceId: name, address, isKnown });
  }

  /** One that has not been accepted is closed without a word. */
  #leave(result: MqttConnectResult): void {
    if (this.#phase === 'open' || this.#phase === 'ended') return;
    if (this.#phase !== 'held') this.#context.front.meters.mqtt.connects[result]++;
    // First: a line may say that it is closed within the call.
    this.#end();
    this.#line.cut();
  }

  #finish(reason: MqttCloseReason, takesWill: boolean): void {
    if (this.#phase !== 'open') return;
    this.#context.front.meters.mqtt.closes[reason]++;
    this.#session?.close(takesWill);
    this.#context.takeovers.release(this.#deviceId, this);
    this.outbox.sendAck();
    this.#end();
    if (this.#isLineGone) return;
    if (reason === 'keepalive' || reason === 'slow') this.#line.cut();
    else this.#line.end();
  }

  #end(): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#context.strangers.remove(this);
    this.#flow.end();
    this.#alarm.clear();
    this.#asking?.stop();
    this.#onEnded(this);
  }

  get #deviceId(): string {
    return this.#clientId.toLowerCase();
  }

  /** What takes a packet that only a device that has been accepted may send; undefined where that is not so. */
  #opened(packet: string): Session | undefined {
    this.#keepAlive.heard();
    if (this.#phase === 'open') return this.#session;
    if (this.#phase === 'new') this.onMalformed(malformed(`${packet}: it comes before CONNECT (3.1.0-1)`));
    return undefined;
  }
}
