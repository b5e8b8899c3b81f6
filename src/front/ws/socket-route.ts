import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocketBehavior } from 'uws-current';
import type { Asker } from '../../core/auth-ports.js';
import {
  hardFrameBytesOfStrangers,
  LEAST_HARD_FRAME_BYTES,
  MAX_UNREAD_ANSWER_BYTES,
  MAX_UNREAD_BYTES_OF_STRANGERS,
} from '../../core/bounds.js';
import { asStatewayError, StatewayError } from '../../core/errors.js';
import { askerOf } from '../../core/machine/network.js';
import type { Refused } from '../../core/metering/refusal-ring.js';
import type { TraceIds } from '../../core/metering/trace-ids.js';
import { overloaded } from '../admission.js';
import type { FrontContext } from '../front-context.js';
import { readHead, traceOfLastHead } from '../http/head-fields.js';
import { refuseHead } from '../http/refuse-head.js';
import { writeError } from '../http/reply.js';
import { assertIds, assertToken, bearerToken, queryOf, tokenOfQuery } from '../http/request-head.js';
import { servedPath } from '../http/request-path.js';
import { asksForMqtt, type MqttSockets, openMqttSocket } from '../mqtt-route.js';
import type { ServedSocket, SocketData } from '../uws.js';
import { DeviceSocket } from './device-socket.js';
import { FrameSocket, type OpenSockets } from './frame-socket.js';
import { GatewaySocket } from './gateway-socket.js';

const IDLE_TIMEOUT_SECONDS = 120;

/** What of an upgrade request must be known later: the request itself dies with its handler. */
interface Upgrade {
  readonly key: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly routes: Routes;
  readonly asker: Asker;
}

/**
 * How large a frame may be is a setting of a route, and a socket cannot change its route later. So there are two, one
 * for sockets whose token has a grant and one for all others, which are the first's for every path: the first only notes
 * itself and yields.
 */
const WHOLE_ROUTES = ['/:first/*', '//*'];
const ROUTE = '/*';

/** Where to go on with an upgrade: the socket's route, which stays what it was at its opening. */
interface Routes {
  /** Frames of any size that is told of. */
  readonly whole: us_socket_context_t;
  /** Frames of the size that is allowed, and little more. */
  readonly small: us_socket_context_t;
}

/**
 * WebSockets at the paths of a device's states and of a gateway's (contract 1.3), and for MQTT at any path (contract 1.9.1).
 * @param sockets holds every open one but those for MQTT
 * @param pass takes over every other request that looks like one for a WebSocket
 */
export function routeSockets(
  app: TemplatedApp,
  context: FrontContext,
  sockets: OpenSockets,
  mqtt: MqttSockets,
  pass: (res: HttpResponse, req: HttpRequest) => void,
): void {
  const { maxBodyBytes } = context;
  let whole: us_socket_context_t | undefined;
  for (const route of WHOLE_ROUTES) {
    app.ws(route, {
      ...socketHandlers(context, sockets),
      maxPayloadLength: Math.max(LEAST_HARD_FRAME_BYTES, 2 * maxBodyBytes),
      maxBackpressure: MAX_UNREAD_ANSWER_BYTES,
      upgrade(_res, req, socketContext) {
        whole = socketContext;
        req.setYield(true);
      },
    });
  }
  app.ws(ROUTE, {
    ...socketHandlers(context, sockets),
    maxPayloadLength: hardFrameBytesOfStrangers(maxBodyBytes),
    maxBackpressure: MAX_UNREAD_BYTES_OF_STRANGERS,
    upgrade(res, req, small) {
      const protocol = asksForMqtt(req);
      if (protocol !== undefined) {
        const upgrade = { ...upgradeOf(res, req, { whole: small, small }), protocol };
        openMqttSocket(context, mqtt, res, (socket) => complete(res, upgrade, socket, 'small'));
        return;
      }
      // A path of one part is not served, and the first route not asked.
      startUpgrade(context, res, req, { whole: whole ?? small, small }, pass);
    },
  });
}

function socketHandlers({ httpSockets }: FrontContext, sockets: OpenSockets): WebSocketBehavior<SocketData> {
  return {
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    sendPingsAutomatically: true,
    open(ws) {
      const { socket } = ws.getUserData();
      httpSockets.upgraded();
      if (socket instanceof FrameSocket) sockets.add(socket);
      socket.open(ws);
    },
    message(ws, message, isBinary) {
      ws.getUserData().socket.receive(message, isBinary);
    },
    drain(ws) {
      ws.getUserData().socket.drained();
    },
    close(ws) {
      const { socket } = ws.getUserData();
      if (socket instanceof FrameSocket) sockets.remove(socket);
      socket.closed();
    },
  };
}

function startUpgrade(
  context: FrontContext,
  res: HttpResponse,
  req: HttpRequest,
  routes: Routes,
  pass: (res: HttpResponse, req: HttpRequest) => void,
): void {
  const served = servedPath(req.getUrl());
  if (served === undefined || served.kind === 'log-in') {
    pass(res, req);
    return;
  }
  const upgrade = upgradeOf(res, req, routes);
  let trace: TraceIds | undefined;
  try {
    assertAccepting(context);
    assertIds(served.applicationId, served.kind === 'state' ? served.deviceId : undefined);
    const token = upgradeToken(req);
    trace = traceOfLastHead();
    if (served.kind === 'state') openDeviceSocket(context, res, upgrade, { ...served, token });
    else openGatewaySocket(context, res, upgrade, served.applicationId, token);
  } catch (error) {
    const refusal = asStatewayError(error, 'STATEWAY_BAD_UPGRADE', 'the upgrade request cannot be read');
    context.refusals.note(refusal, refusedBy(served, upgrade, trace));
    refuseHead(context.bodies, res, refusal, { isHead: false, framing: 'none' });
  }
}

function upgradeOf(res: HttpResponse, req: HttpRequest, routes: Routes): Upgrade {
  return {
    key: req.getHeader('sec-websocket-key'),
    protocol: req.getHeader('sec-websocket-protocol').split(',')[0]?.trim() ?? '',
    extensions: req.getHeader('sec-websocket-extensions'),
    routes,
    asker: askerOf(res),
  };
}

function refusedBy(
  { applicationId, deviceId = '' }: { applicationId: string; deviceId?: string },
  { asker }: Upgrade,
  trace: TraceIds | undefined,
): Refused {
  return { applicationId, deviceId, address: asker.address, isKnown: false, trace };
}

/** A socket, and the route that it goes on by. */
type Opened = readonly [FrameSocket, keyof Routes];

/** Whose socket it is to be. */
interface Asked {
  readonly token: string;
  readonly applicationId: string;
  readonly deviceId: string;
}

function openDeviceSocket(context: FrontContext, res: HttpResponse, upgrade: Upgrade, asked: Asked): void {
  const { token, applicationId, deviceId } = asked;
  const { authorizer } = context;
  const grant = authorizer.find(token, applicationId, deviceId);
  if (grant !== undefined) {
    complete(res, upgrade, DeviceSocket.granted(context, grant, upgrade.asker), 'whole');
    return;
  }
  waitForCloud(context, res, { ...upgrade, ...asked }, async () => {
    const answered = await authorizer.ask(token, applicationId, deviceId, upgrade.asker);
    if (answered.kind === 'granted') return [DeviceSocket.granted(context, answered.grant, upgrade.asker), 'whole'];
    const place = context.strangerSockets.take(upgrade.asker.address);
    if (place === undefined) throw noPlace();
    return [DeviceSocket.unproven(context, answered, upgrade.asker, asked, place), 'small'];
  });
}

/**
 * Its devices are granted frame by frame: any token opens it, as long as there is room for those that have no grant here.
 * Where there is none, one that the cloud grants for its own device opens all the same.
 */
function openGatewaySocket(
  context: FrontContext,
  res: HttpResponse,
  upgrade: Upgrade,
  applicationId: string,
  token: string,
): void {
  const { authorizer, strangerSockets } = context;
  const { asker } = upgrade;
  const known = (): Opened => [new GatewaySocket(context, token, applicationId, asker, undefined), 'whole'];
  const stranger = (): Opened | undefined => {
    const place = strangerSockets.take(asker.address);
    return place && [new GatewaySocket(context, token, applicationId, asker, place), 'small'];
  };
  const isKnown = authorizer.knows(token);
  const opened = isKnown === true ? known() : isKnown === false ? stranger() : undefined;
  if (opened !== undefined) {
    complete(res, upgrade, ...opened);
    return;
  }
  waitForCloud(context, res, { ...upgrade, token, applicationId, deviceId: '' }, async () => {
    if (isKnown !== false && (await isKnown)) return known();
    const place = isKnown === false ? undefined : stranger();
    if (place !== undefined) return place;
    if (!(await authorizer.isOwnGranted(token, applicationId, asker))) throw noPlace();
    return known();
  });
}

function noPlace(): StatewayError {
  return new StatewayError(
    'STATEWAY_OVERLOADED',
    'too many WebSockets are open whose tokens have proven nothing yet; connect again shortly',
  );
}

/**
 * Answers an upgrade when the cloud has been asked; until then it counts as a stranger's request.
 * @throws StatewayError STATEWAY_OVERLOADED where there is no room for it
 */
function waitForCloud(
  context: FrontContext,
  res: HttpResponse,
  upgrade: Upgrade & Asked,
  ask: () => Promise<Opened>,
): void {
  const holding = context.admission.holdAsStranger(upgrade.asker.address, upgrade.token.length);
  if (holding === undefined) throw overloaded();
  // Of this request: another head is read before the cloud says.
  const trace = traceOfLastHead();
  let aborted = false;
  res.onAborted(() => {
    aborted = true;
  });
  // An upgrade within a cork may be closed by uWebSockets.js at once: docs/decisions.md, "A thread keeps 127 pieces".
  const answer = (write: () => void): void => {
    holding.release();
    if (!aborted) res.cork(write);
  };
  ask().then(
    ([socket, route]) => {
      answer(() => complete(res, upgrade, socket, route));
      if (aborted) socket.closed();
    },
    (thrown) => {
      const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
      context.refusals.note(error, refusedBy(upgrade, upgrade, trace));
      answer(() => writeError(res, error));
    },
  );
}

function complete(res: HttpResponse, upgrade: Upgrade, socket: ServedSocket, route: keyof Routes): void {
  const data: SocketData = { socket };
  res.upgrade(data, upgrade.key, upgrade.protocol, upgrade.extensions, upgrade.routes[route]);
}

function upgradeToken(req: HttpRequest): string {
  const { authorization } = readHead(req);
  const token = authorization === '' ? tokenOfQuery(queryOf(req)) || bearerToken('') : bearerToken(authorization);
  assertToken(token);
  return token;
}

function assertAccepting(context: FrontContext): void {
  if (context.stopping)
    throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; connect again shortly');
}
