import type { HttpRequest, HttpResponse, us_socket_context_t, WebSocketBehavior } from 'uws-current';
import type { Asker, Granted, Unproven } from '../core/auth-ports.js';
import { LEAST_HARD_FRAME_BYTES, MAX_UNREAD_ANSWER_BYTES } from '../core/bounds.js';
import { asStatewayError, StatewayError } from '../core/errors.js';
import { askerOf } from './client-address.js';
import { DeviceSocket } from './device-socket.js';
import type { FrameSocket, SocketData } from './frame-socket.js';
import type { FrontContext } from './front-context.js';
import { GatewaySocket } from './gateway-socket.js';
import { readHead } from './head-fields.js';
import { refuseHead } from './refuse-head.js';
import { writeError } from './reply.js';
import { assertIds, assertToken, bearerToken, queryOf, tokenOfQuery } from './request-head.js';
import { servedPath } from './request-path.js';

const IDLE_TIMEOUT_SECONDS = 120;

/** What of an upgrade request must be known later: the request itself dies with its handler. */
interface Upgrade {
  readonly key: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly socketContext: us_socket_context_t;
}

/**
 * WebSockets at the paths of a device's states and of a gateway's (contract 1.3).
 * @param sockets holds every open one
 * @param pass takes over every other request that looks like one for a WebSocket
 */
export function socketBehavior(
  context: FrontContext,
  sockets: Set<FrameSocket>,
  pass: (res: HttpResponse, req: HttpRequest) => void,
): WebSocketBehavior<SocketData> {
  return {
    maxPayloadLength: Math.max(LEAST_HARD_FRAME_BYTES, 2 * context.maxBodyBytes),
    maxBackpressure: MAX_UNREAD_ANSWER_BYTES,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    sendPingsAutomatically: true,
    upgrade(res, req, socketContext) {
      const served = servedPath(req.getUrl());
      if (served === undefined || served.kind === 'log-in') {
        pass(res, req);
        return;
      }
      const upgrade = {
        key: req.getHeader('sec-websocket-key'),
        protocol: req.getHeader('sec-websocket-protocol').split(',')[0]?.trim() ?? '',
        extensions: req.getHeader('sec-websocket-extensions'),
        socketContext,
      };
      try {
        assertAccepting(context);
        assertIds(served.applicationId, served.kind === 'state' ? served.deviceId : undefined);
        const token = upgradeToken(req);
        if (served.kind === 'state') openDeviceSocket(context, res, upgrade, { ...served, token });
        // Its devices are granted frame by frame: any token opens it.
        else complete(res, upgrade, new GatewaySocket(context, token, served.applicationId, askerOf(res)));
      } catch (error) {
        const refusal = asStatewayError(error, 'STATEWAY_BAD_UPGRADE', 'the upgrade request cannot be read');
        refuseHead(context.bodies, res, refusal, { isHead: false, framing: 'none' });
      }
    },
    open(ws) {
      const { socket } = ws.getUserData();
      sockets.add(socket);
      socket.open(ws);
    },
    message(ws, message, isBinary) {
      ws.getUserData().socket.receive(message, isBinary);
    },
    close(ws) {
      const { socket } = ws.getUserData();
      sockets.delete(socket);
      socket.closed();
    },
  };
}

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
    complete(res, upgrade, DeviceSocket.granted(context, grant, askerOf(res)));
    return;
  }
  const asker = askerOf(res);
  let aborted = false;
  res.onAborted(() => {
    aborted = true;
  });
  // An upgrade within a cork may be closed by uWebSockets.js at once: docs/decisions.md, "A thread keeps 127 pieces".
  const answer = (write: () => void): void => {
    if (!aborted) res.cork(write);
  };
  authorizer.ask(token, applicationId, deviceId, asker).then(
    (answered) => answer(() => complete(res, upgrade, socketFor(context, answered, asker))),
    (thrown) => {
      const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
      answer(() => writeError(res, error));
    },
  );
}

function socketFor(context: FrontContext, answered: Granted | Unproven, asker: Asker): DeviceSocket {
  if (answered.kind === 'granted') return DeviceSocket.granted(context, answered.grant, asker);
  return DeviceSocket.unproven(context, answered, asker);
}

function complete(res: HttpResponse, upgrade: Upgrade, socket: FrameSocket): void {
  const data: SocketData = { socket };
  res.upgrade(data, upgrade.key, upgrade.protocol, upgrade.extensions, upgrade.socketContext);
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
