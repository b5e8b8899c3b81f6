import type { Asker } from '../core/auth-ports.js';
import type { MqttTrouble } from '../core/device-report.js';
import type { MqttTransport } from '../core/metering/meters.js';
import type { Admission } from './admission.js';
import type { FrontContext } from './front-context.js';
import type { LineUser } from './mqtt/line.js';
import type { FarLine } from './mqtt/relayed-line.js';
import { SocketLine } from './mqtt/socket-line.js';
import type { MqttPorts, MqttSide } from './mqtt-route.js';
import type { StrangerPlace } from './stranger-sockets.js';

/** How often it is looked whether all lines are gone. */
const DRAIN_POLL_MS = 10;

/** What a line has to say to the thread that speaks MQTT, in order. */
export interface LineMessages {
  data(chunk: Uint8Array): void;
  /** Of what was written to it since the beginning, so many bytes have left. */
  taken(bytes: number): void;
  closed(): void;
}

/** Opens the way of one line to the thread that speaks MQTT. @param near its socket, to be written to from there */
export type OpenLine = (peer: string, address: string, near: FarLine) => LineMessages;

/**
 * MQTT over WebSockets where another thread speaks it: here are the sockets alone, whose bytes pass as they come. What is on
 * its way there counts under the front's bound; a socket that brings more is cut, as none can be kept from sending.
 */
export class MqttRelay implements MqttSide {
  readonly #context: Pick<FrontContext, 'admission' | 'clock'>;
  readonly #open: OpenLine;
  readonly #sockets = new Set<RelayedSocket>();

  constructor(context: Pick<FrontContext, 'admission' | 'clock'>, open: OpenLine) {
    this.#context = context;
    this.#open = open;
  }

  overSocket(peer: string, asker: Asker, place: StrangerPlace): SocketLine {
    return new SocketLine(peer, asker, place, (line) => {
      const socket = new RelayedSocket(line, this.#context.admission, this.#open, () => this.#sockets.delete(socket));
      this.#sockets.add(socket);
      return socket;
    });
  }

  async listen(): Promise<MqttPorts> {
    return { mqtt: undefined, mqtts: undefined };
  }

  renewCertificate(): void {}

  /** Counted where MQTT is spoken, as are troubles and transports. */
  connections(): Record<MqttTransport, number> {
    return { mqtt: 0, mqtts: 0, 'mqtt-ws': 0 };
  }

  troubles(): MqttTrouble[] {
    return [];
  }

  transportOf(): undefined {
    return undefined;
  }

  /** Whoever speaks MQTT ends the lines: waits for that, for `withinMs` at the most. */
  async close(withinMs: number): Promise<void> {
    const { clock } = this.#context;
    const deadlineMs = clock.monotonicMs() + withinMs;
    while (this.#sockets.size > 0 && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.schedule(DRAIN_POLL_MS, resolve));
    }
  }
}

/** One socket, between its line here and the connection there. */
class RelayedSocket implements LineUser, FarLine {
  readonly #line: SocketLine;
  readonly #admission: Admission;
  readonly #onGone: () => void;
  readonly #messages: LineMessages;
  #unheardBytes = 0;
  #writtenBytes = 0;
  #takenBytes = 0;

  constructor(line: SocketLine, admission: Admission, open: OpenLine, onGone: () => void) {
    this.#line = line;
    this.#admission = admission;
    this.#onGone = onGone;
    this.#messages = open(line.peer, line.address, this);
  }

  receive(chunk: Uint8Array): void {
    if (!this.#admission.admit(chunk.length)) {
      this.#line.cut();
      return;
    }
    this.#unheardBytes += chunk.length;
    this.#messages.data(chunk);
  }

  drained(): void {
    this.#tellTaken();
  }

  closed(): void {
    this.#admission.release(this.#unheardBytes);
    this.#unheardBytes = 0;
    this.#onGone();
    this.#messages.closed();
  }

  write(bytes: Uint8Array): void {
    this.#writtenBytes += bytes.length;
    this.#line.write(bytes);
    this.#tellTaken();
  }

  accepted(): void {
    this.#line.accepted();
  }

  end(): void {
    this.#line.end();
  }

  cut(): void {
    this.#line.cut();
  }

  heard(bytes: number): void {
    const released = Math.min(bytes, this.#unheardBytes);
    this.#admission.release(released);
    this.#unheardBytes -= released;
  }

  #tellTaken(): void {
    const takenBytes = this.#writtenBytes - this.#line.unsentBytes;
    if (takenBytes === this.#takenBytes) return;
    this.#takenBytes = takenBytes;
    this.#messages.taken(takenBytes);
  }
}
