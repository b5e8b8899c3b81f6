/** Losant ids are 24 hex digits in which case does not distinguish (docs/cloud.md, "Identifiers and tokens"). */
const ID_PATTERN = /^[A-Fa-f\d]{24}$/;

/** Bytes of one id in binary form. */
export const ID_BYTES = 12;

/** The application that was named last: as a rule all devices are of one, and share its text. */
let lastApplicationId = '';

/** Whether `text` is a Losant id. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/**
 * One device of one application. Ids are lower case, so that two spellings of an id are one device; stages compare
 * devices by {@link Device.key}.
 */
export class Device {
  readonly applicationId: string;
  readonly deviceId: string;
  /** Both ids joined, 48 hex digits: the key of a lane, a watermark, a stamp. */
  readonly key: string;

  constructor(applicationId: string, deviceId: string) {
    this.applicationId = sharedApplicationId(applicationId.toLowerCase());
    // Texts of their own: one that is joined by `+`, or cut out of a request, keeps what it was made of in memory for as
    // long as the device is known.
    const idBytes = Buffer.from(this.applicationId + deviceId, 'hex');
    this.deviceId = idBytes.toString('hex', ID_BYTES);
    this.key = idBytes.toString('hex');
  }

  /**
   * Both ids in binary, application first, 24 bytes: as they stand in records. Made anew each time, since an array that is
   * kept takes as much memory as the rest of the device.
   */
  get idBytes(): Uint8Array {
    return Buffer.from(this.key, 'hex');
  }

  /** The device of a {@link Device.key}. */
  static fromKey(key: string): Device {
    return new Device(key.slice(0, 2 * ID_BYTES), key.slice(2 * ID_BYTES));
  }

  /** Reads a device back from the 24 bytes at `offset`. */
  static fromBytes(bytes: Uint8Array, offset: number): Device {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + offset, 2 * ID_BYTES).toString('hex');
    return Device.fromKey(key);
  }
}

function sharedApplicationId(applicationId: string): string {
  if (applicationId !== lastApplicationId) lastApplicationId = applicationId;
  return lastApplicationId;
}
