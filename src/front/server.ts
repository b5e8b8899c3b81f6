import type { HttpRequest, HttpResponse, TemplatedApp } from 'uws-current';
import type { Authorizer, DeviceLogin } from '../core/auth-ports.js';
import { type CallKind, strangerSockets } from '../core/bounds.js';
import type { MqttTrouble } from '../core/device-report.js';
import type { TlsFiles } from '../core/machine/certificate-watch.js';
import type { Meters, Transport } from '../core/metering/meters.js';
import type { RefusalSink } from '../core/metering/refusal-ring.js';
import type { CallStream } from '../core/passed-call.js';
import type { Intake } from '../core/ports.js';
import type { Clock } from '../core/time/clock.js';
import { Admission } from './admission.js';
import { DueAcks, DueRefusals } from './due-answers.js';
import type { FrontContext } from './front-context.js';
import { ArrivingBodies } from './http/arriving-bodies.js';
import { handleDeviceLogin } from './http/device-login-route.js';
import { HttpSockets } from './http/http-sockets.js';
import { servedPath } from './http/request-path.js';
import { StateRequest } from './http/state-request.js';
import { type ListenAddress, Listeners } from './listeners.js';
import type { MqttPorts, MqttSide } from './mqtt-route.js';
import { Passthrough, type PassthroughMode } from './passthrough/passthrough.js';
import { StrangerSockets } from './stranger-sockets.js';
import type { UwsModule } from './uws.js';
import { CLOSE_GOING_AWAY, OpenSockets, type SocketChange } from './ws/frame-socket.js';
import { routeSockets } from './ws/socket-route.js';

/** How often open sockets look whether their token has expired. */
const TICK_MS = 1000;
/** How often a stopping front looks whether everything is answered. */
const DRAIN_POLL_MS = 10;

export interface FrontOptions {
  readonly uws: UwsModule;
  /** Where to listen for HTTP and WebSocket; undefined: others do. */
  readonly listen: ListenAddress | undefined;
  readonly tls?: TlsFiles;
  readonly maxBodyBytes: number;
  /** Bound on the bytes of unanswered bodies, and again on those of calls that wait for the cloud. */
  readonly maxUnansweredBytes: number;
  readonly authorizer: Authorizer;
  readonly deviceLogin: DeviceLogin;
  readonly intake: Intake;
  /** Where calls go that the proxy does not serve itself. */
  readonly calls: CallStream;
  readonly passthrough: PassthroughMode;
  /** Calls passed on at once, of each kind; `MAX_CALLS` where left out. */
  readonly maxPassedCalls?: Partial<Readonly<Record<CallKind, number>>>;
  /** What serves MQTT. */
  readonly mqtt: (context: FrontContext) => MqttSide;
  readonly meters: Meters;
  /** Is told of every refusal. */
  readonly refusals: RefusalSink;
  readonly clock: Clock;
  /** Told of WebSockets that open and close, where somebody keeps count. */
  readonly onSocket?: SocketChange;
}

/** The ports that were had, where they are served. */
export interface FrontPorts extends MqttPorts {
  readonly device: number | undefined;
}

/** The device side: HTTP and WebSocket on uWebSockets.js (contract 1.3), and MQTT (contract 1.9). */
export class Front {
  readonly #options: FrontOptions;
  readonly #listeners: Listeners | undefined;
  readonly #context: FrontContext;
  readonly #passthrough: Passthrough;
  readonly #stateRequests: StateRequests;
  readonly #sockets: OpenSockets;
  readonly #mqtt: MqttSide;
  #cancelTick: () => void = () => {};

  /** @throws Error when the TLS files cannot be used */
  constructor(options: FrontOptions) {
    this.#options = options;
    const { authorizer, deviceLogin, intake, meters, clock, maxBodyBytes, tls, uws } = options;
    const admission = new Admission(options.maxUnansweredBytes, maxBodyBytes);
    this.#context = {
      authorizer,
      deviceLogin,
      intake,
      admission,
      bodies: new ArrivingBodies(clock),
      strangerSockets: new StrangerSockets(strangerSockets(maxBodyBytes), clock),
      httpSockets: new HttpSockets(),
      dueAcks: new DueAcks(),
      dueRefusals: new DueRefusals(clock),
      meters,
      refusals: options.refusals,
      clock,
      maxBodyBytes,
      scheme: tls === undefined ? 'http' : 'https',
      stopping: false,
      openRequests: 0,
    };
    this.#passthrough = new Passthrough(this.#context, {
      calls: options.calls,
      mode: options.passthrough,
      maxHeldBytes: options.maxUnansweredBytes,
      maxCalls: options.maxPassedCalls ?? {},
    });
    this.#sockets = new OpenSockets(options.onSocket);
    this.#mqtt = options.mqtt(this.#context);
    this.#stateRequests = new StateRequests(this.#context);
    const { listen } = options;
    this.#listeners = listen && new Listeners({ uws, ...listen, tls, route: (app) => this.#route(app) });
  }

  /**
   * Starts to listen.
   * @throws Error when an address cannot be had
   */
  async listen(): Promise<FrontPorts> {
    const device = await this.#listeners?.listen();
    this.#scheduleTick();
    return { device, ...(await this.#mqtt.listen()) };
  }

  /**
   * From now on new connections get the certificate that stands in the TLS files; those that are open go on.
   * @throws Error when the files cannot be used; then all is as it was
   */
  async renewCertificate(): Promise<void> {
    if (this.#context.stopping) return;
    await this.#listeners?.renew();
    this.#mqtt.renewCertificate();
  }

  /** Connections open now; of HTTP with the older build of uWebSockets.js, requests in flight ({@link HttpSockets}). */
  connections(): Record<Transport, number> {
    const { httpSockets, openRequests } = this.#context;
    const http = httpSockets.count(openRequests);
    return { http, websocket: this.#sockets.size, ...this.#mqtt.connections() };
  }

  /** What was not well in the last hour with devices that speak MQTT. */
  mqttTroubles(): MqttTrouble[] {
    return this.#mqtt.troubles();
  }

  /**
   * Connections of one device; those of HTTP are nobody's, as each request has a token of its own, and a gateway's are none
   * of its devices'.
   * @param deviceId lower case
   */
  connectionsOf(deviceId: string): Partial<Record<Transport, number>> {
    const websocket = this.#sockets.of(deviceId);
    const mqtt = this.#mqtt.transportOf(deviceId);
    return { ...(websocket > 0 && { websocket }), ...(mqtt !== undefined && { [mqtt]: 1 }) };
  }

  /** What is not over: requests without an answer, and WebSockets. */
  underWay(): { http: number; websocket: number } {
    return { http: this.#context.openRequests, websocket: this.#sockets.size };
  }

  /** Bytes of bodies received and not answered. */
  unansweredBytes(): number {
    return this.#context.admission.bytes + this.#passthrough.heldBytes;
  }

  /**
   * Accepts nothing more, and answers what was accepted, for `withinMs` at the most; then closes every connection.
   * The intake must still be open.
   */
  async close(withinMs: number): Promise<void> {
    const { clock } = this.#options;
    this.#context.stopping = true;
    this.#listeners?.stopListening();
    this.#cancelTick();
    this.#passthrough.endStreams();
    const deadlineMs = clock.monotonicMs() + withinMs;
    const mqttClosed = this.#mqtt.close(withinMs);
    while (!this.#isSettled() && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.schedule(DRAIN_POLL_MS, resolve));
    }
    for (const socket of this.#sockets) socket.end(CLOSE_GOING_AWAY, 'the proxy is being stopped');
    await mqttClosed;
    this.cutAll();
    this.#context.bodies.close();
  }

  /** Closes every connection by HTTP and WebSocket at once, and accepts none. */
  cutAll(): void {
    this.#listeners?.stopListening();
    this.#listeners?.close();
  }

  #isSettled(): boolean {
    if (this.#context.openRequests > 0) return false;
    for (const socket of this.#sockets) {
      if (!socket.isSettled) return false;
    }
    return true;
  }

  #route(app: TemplatedApp): void {
    const context = this.#context;
    const passthrough = this.#passthrough;
    const stateRequests = this.#stateRequests;
    const pass = (res: HttpResponse, req: HttpRequest): void => passthrough.handle(res, req);
    const byPath = (res: HttpResponse, req: HttpRequest): void => {
      const isPost = req.getCaseSensitiveMethod().toUpperCase() === 'POST';
      const served = isPost ? servedPath(req.getUrl()) : undefined;
      if (served?.kind === 'state') stateRequests.start(res, req, served.applicationId, served.deviceId);
      else if (served?.kind === 'log-in') handleDeviceLogin(context, res, req);
      else pass(res, req);
    };
    context.httpSockets.follow(app);
    routeSockets(app, context, this.#sockets, this.#mqtt, pass);
    // The quick way for the spelling that nearly all use; every other one is read by our own reader, on either build alike.
    app.post('/applications/:applicationId/devices/:deviceId/state', (res, req) => {
      const applicationId = req.getParameter(0) as string;
      const deviceId = req.getParameter(1) as string;
      if (isPlain(applicationId) && isPlain(deviceId)) stateRequests.start(res, req, applicationId, deviceId);
      else byPath(res, req);
    });
    app.any('/*', byPath);
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#options.clock.schedule(TICK_MS, () => {
      for (const socket of this.#sockets) socket.tick();
      this.#scheduleTick();
    });
  }
}

function isPlain(id: string): boolean {
  return id !== '' && !id.includes('%');
}

/**
 * Serves `POST /applications/:applicationId/devices/:deviceId/state` (contract 1.3). Requests that went the short way are
 * used again: each is an object of fourteen fields and three functions, and to make them anew for each request took 5 %
 * of the main thread (docs/decisions.md).
 */
class StateRequests {
  readonly #context: FrontContext;
  readonly #idle: StateRequest[] = [];

  constructor(context: FrontContext) {
    this.#context = context;
  }

  /** Takes over a request; must be called within its route handler. The ids are as the path has them. */
  start(res: HttpResponse, req: HttpRequest, applicationId: string, deviceId: string): void {
    const request = this.#idle.pop() ?? new StateRequest(this.#context, this.#idle);
    request.begin(res, req, applicationId, deviceId);
  }
}
