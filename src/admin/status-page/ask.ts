/** What the proxy said no with. */
export class AskError extends Error {
  /** 0 where it did not answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Asks the admin side that this page is from for JSON.
 * @throws AskError with words for people
 */
export async function ask<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { cache: 'no-store', ...init });
  } catch {
    throw new AskError(0, 'The proxy does not answer.');
  }
  const body: unknown = await response.json().catch(() => ({}));
  if (response.ok) return body as T;
  if (response.status === 401) throw new AskError(401, 'The log-in has ended: load this page again.');
  const { message } = body as { readonly message?: unknown };
  throw new AskError(
    response.status,
    typeof message === 'string' ? `${message}.` : `The proxy answers ${response.status}.`,
  );
}
