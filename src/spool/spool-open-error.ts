/** A data directory that cannot be used; the message is for the operator. */
export class SpoolOpenError extends Error {
  override readonly name = 'SpoolOpenError';
}
