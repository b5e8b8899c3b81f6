import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NONCE_AT = 1 + 8;
const HEAD_BYTES = NONCE_AT + NONCE_BYTES;

/**
 * What keeps a stored row secret: AES-256-GCM for values, HMAC-SHA256 for keys and credentials, each under a key of its
 * own derived from the secret key (HKDF-SHA256, RFC 5869), so that neither use can weaken the other.
 *
 * A sealed value is a version byte, 8 bytes that say how long the row is of use (in the clear, so that a start need not
 * open what it need not know), a random nonce of 12 bytes, the ciphertext, and the tag of 16 bytes. The tag covers the
 * row's key and the bytes in the clear too. Nonces are drawn anew for each value; 2^32 of them under one key keep the
 * chance of a repetition below 2^-32 (NIST SP 800-38D, 8.3).
 */
export class Sealing {
  readonly #encryptionKey: Buffer;
  readonly #macKey: Buffer;

  /** @param secretKey 32 bytes */
  constructor(secretKey: Uint8Array) {
    this.#encryptionKey = derive(secretKey, 'stateway grants: encryption');
    this.#macKey = derive(secretKey, 'stateway grants: mac');
  }

  /**
   * Encrypts `plain` for the row `rowKey`; under another row's key it cannot be opened.
   * @param keptUntilMs wall-clock time until which the row is of use; Infinity where that has no end
   */
  seal(rowKey: string, keptUntilMs: number, plain: string): Uint8Array {
    const head = Buffer.alloc(NONCE_AT);
    head[0] = VERSION;
    head.writeDoubleLE(keptUntilMs, 1);
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, this.#encryptionKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.concat([head, Buffer.from(rowKey, 'utf8')]));
    return Buffer.concat([head, nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** What was sealed for the row; undefined when the value is damaged, altered, of another row or under another key. */
  open(rowKey: string, sealed: Uint8Array): string | undefined {
    if (!isSealed(sealed)) return undefined;
    const tagAt = sealed.byteLength - TAG_BYTES;
    const nonce = sealed.subarray(NONCE_AT, HEAD_BYTES);
    const decipher = createDecipheriv(CIPHER, this.#encryptionKey, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([sealed.subarray(0, NONCE_AT), Buffer.from(rowKey, 'utf8')]));
    decipher.setAuthTag(sealed.subarray(tagAt));
    // As bytes: a start opens a hundred thousand, and a text from each of the two calls needs a decoder of its own.
    const plain = decipher.update(sealed.subarray(HEAD_BYTES, tagAt));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return plain.toString('utf8');
  }

  /**
   * HMAC-SHA256 of the parts, in base64url. Parts are framed, so that no two lists of parts run into one another.
   * @param purpose what the MAC is for: MACs of different purposes never match
   */
  mac(purpose: string, ...parts: string[]): string {
    return createHmac('sha256', this.#macKey)
      .update(JSON.stringify([purpose, ...parts]))
      .digest('base64url');
  }
}

/** Until when a sealed row is of use, not verified; undefined when it is no sealed row. */
export function keptUntilOf(sealed: Uint8Array): number | undefined {
  if (!isSealed(sealed)) return undefined;
  return new DataView(sealed.buffer, sealed.byteOffset).getFloat64(1, true);
}

/** Compares two MACs of {@link Sealing.mac} in constant time. */
export function sameMac(left: string, right: string): boolean {
  const leftBytes = Buffer.from(left);
  const rightBytes = Buffer.from(right);
  return leftBytes.length === rightBytes.length && timingSafeEqual(leftBytes, rightBytes);
}

function isSealed(sealed: Uint8Array): boolean {
  return sealed.byteLength >= HEAD_BYTES + TAG_BYTES && sealed[0] === VERSION;
}

function derive(secretKey: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, new Uint8Array(0), purpose, 32));
}
