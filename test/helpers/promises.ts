import type { RequestListener } from 'node:http';

/**
 * A promise that is waited for later. Where it fails before that, or the test has ended by then, nobody is there to take the
 * failure: it would be one of the whole run, beside the one that says what went wrong.
 */
export function later<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

/**
 * A listener whose work ends with its request: what it reads may break off at any time, by a proxy that gives up or a test
 * that is over. Whoever sent the request tells of it.
 */
export function endingWithRequest(listener: RequestListener): RequestListener {
  return async (request, response) => {
    try {
      await listener(request, response);
    } catch (error) {
      if (!request.destroyed || request.complete) throw error;
    }
  };
}
