import type { HttpRequest, HttpResponse, us_socket_context_t, WebSocketBehavior } from 'uws-current';
import { asStatewayError, StatewayError } from '../core/errors.js';
import { DeviceSocket, type Proof } from './device-socket.js';
import type { FrameSocket, SocketData } from './frame-socket.js';
import type { FrontContext } from './front-context.js';
import { GatewaySocket } from './gateway-socket.js';
import { readHead } from './head-fields.js';
import { refuseHead, writeError } from './reply.js';
import { assertIds, bearerToken, queryOf, tokenOfQuery } from './request-head.js';

/**
 * uWebSockets.js drops a connection without a word when a frame exceeds its own limit, so that limit is set well above
 * ours, and frames between the two are answered with 1009 (DESIGN 1.3). Not far above: of a frame that is not complete,
 * so much is held beyond the front's bound.
 */
const LEAST_HARD_FRAME_LIMIT_BYTES = 2 * 1024 * 1024;
/** A client that does not read its answers is cut off when so many bytes of them wait. */
const MAX_UNREAD_ANSWER_BYTES = 1024 * 1024;
const IDLE_TIMEOUT_SECONDS = 120;

/** What of an upgrade request must be known later: the request itself dies with its handler. */
interface Upgrade {
  readonly key: string;
  readonly protocol: string;
  readonly extensions: string;
  readonly socketContext: us_socket_context_t;
}

/** The WebSocket at a device's state path; `sockets` holds every open one. */
export function deviceSocketBehavior(context: FrontContext, sockets: Set<FrameSocket>): WebSocketBehavior<SocketData> {
  return behavior(context, sockets, (res, req, upgrade) => {
    const applicationId = req.getParameter(0) as string;
    const deviceId = req.getParameter(1) as string;
    assertAccepting(context);
    assertIds(applicationId, deviceId);
    const token = upgradeToken(req);
    const { authorizer } = context;
    const grant = authorizer.find(token, applicationId, deviceId);
    if (grant !== undefined) {
      complete(res, upgrade, DeviceSocket.granted(context, grant));
      return;
    }
    let aborted = false;
    res.onAborted(() => {
      aborted = true;
    });
    // An upgrade within a cork may be closed by uWebSockets.js at once: docs/decisions.md, "A thread keeps 127 pieces".
    const answer = (write: () => void): void => {
      if (!aborted) res.cork(write);
    };
    authorizer.ask(token, applicationId, deviceId).then(
      (asked) => answer(() => complete(res, upgrade, DeviceSocket.granted(context, asked))),
      (thrown) => {
        const error = asStatewayError(thrown, 'STATEWAY_CLOUD_UNREACHABLE', 'the token cannot be checked');
        if (error.code !== 'STATEWAY_NOT_GRANTED') {
          answer(() => writeError(res, error));
          return;
        }
        const prove: Proof = (encoding, body) => authorizer.prove(token, applicationId, deviceId, encoding, body);
        answer(() => complete(res, upgrade, DeviceSocket.unproven(context, prove)));
      },
    );
  });
}

/** The WebSocket for gateways: devices are granted frame by frame, so that any token opens it. */
export function gatewaySocketBehavior(context: FrontContext, sockets: Set<FrameSocket>): WebSocketBehavior<SocketData> {
  return behavior(context, sockets, (res, req, upgrade) => {
    const applicationId = req.getParameter(0) as string;
    assertAccepting(context);
    assertIds(applicationId);
    complete(res, upgrade, new GatewaySocket(context, upgradeToken(req), applicationId));
  });
}

function behavior(
  context: FrontContext,
  sockets: Set<FrameSocket>,
  begin: (res: HttpResponse, req: HttpRequest, upgrade: Upgrade) => void,
): WebSocketBehavior<SocketData> {
  return {
    maxPayloadLength: Math.max(LEAST_HARD_FRAME_LIMIT_BYTES, 2 * context.maxBodyBytes),
    maxBackpressure: MAX_UNREAD_ANSWER_BYTES,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    sendPingsAutomatically: true,
    upgrade(res, req, socketContext) {
      try {
        begin(res, req, {
          key: req.getHeader('sec-websocket-key'),
          protocol: req.getHeader('sec-websocket-protocol').split(',')[0]?.trim() ?? '',
          extensions: req.getHeader('sec-websocket-extensions'),
          socketContext,
        });
      } catch (error) {
        refuseHead(res, asStatewayError(error, 'STATEWAY_BAD_UPGRADE', 'the upgrade request cannot be read'));
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

function complete(res: HttpResponse, upgrade: Upgrade, socket: FrameSocket): void {
  const data: SocketData = { socket };
  res.upgrade(data, upgrade.key, upgrade.protocol, upgrade.extensions, upgrade.socketContext);
}

function upgradeToken(req: HttpRequest): string {
  const { authorization } = readHead(req);
  return authorization === '' ? tokenOfQuery(queryOf(req)) || bearerToken('') : bearerToken(authorization);
}

function assertAccepting(context: FrontContext): void {
  if (context.stopping)
    throw new StatewayError('STATEWAY_STOPPING', 'the proxy is being stopped; connect again shortly');
}
