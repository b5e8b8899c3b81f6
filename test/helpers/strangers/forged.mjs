/** What a stranger can make up without knowing a secret, and how it is put on the wire. */
import { randomBytes } from 'node:crypto';

const HEADER = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');

/** A token that looks like the cloud's, for a device that may send, with a signature that is none. */
export function forgedToken(deviceId) {
  const claims = { sub: deviceId, subtype: 'device', scope: ['all.Device'], iat: 1, exp: 4_000_000_000 };
  const part = Buffer.from(JSON.stringify({ ...claims, jti: randomBytes(6).toString('hex') })).toString('base64url');
  return `${HEADER}.${part}.${randomBytes(32).toString('base64url')}`;
}

/** An id of the right form that nothing has. */
export function forgedId() {
  return randomBytes(12).toString('hex');
}

export function statePath({ applicationId, deviceId }) {
  return `/applications/${applicationId}/devices/${deviceId}/state`;
}

export function gatewayPath({ applicationId }) {
  return `/applications/${applicationId}/state`;
}

/** A request with a body of JSON, whole unless `announcedBytes` says that there is more to come. */
export function jsonRequest(path, token, body, announcedBytes = Buffer.byteLength(body)) {
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  return `POST ${path} HTTP/1.1\r\nHost: proxy\r\n${authorization}Content-Type: application/json\r\nContent-Length: ${announcedBytes}\r\n\r\n${body}`;
}

export function upgradeRequest(path, token) {
  return (
    `GET ${path} HTTP/1.1\r\nHost: proxy\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`
  );
}

/** The head of a masked text frame of so many bytes (RFC 6455, 5.2), with a mask of zeros. */
export function frameHead(bytes) {
  const head = Buffer.alloc(14);
  head[0] = 0x81;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(bytes), 2);
  return head;
}
