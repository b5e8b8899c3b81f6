import { diskRoomBytes } from '../../spool/disk/disk-room.js';

/** Bytes that the spool in `directory` can still grow by; undefined when the system does not say. */
export function freeDiskBytes(directory: string): number | undefined {
  try {
    return diskRoomBytes(directory);
  } catch {
    return undefined;
  }
}
