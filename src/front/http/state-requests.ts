import type { HttpRequest, HttpResponse } from 'uws-current';
import type { FrontContext } from '../front-context.js';
import { StateRequest } from './state-request.js';

/**
 * Serves `POST /applications/:applicationId/devices/:deviceId/state` (contract 1.3). Requests that went the short way are
 * used again: each is an object of fourteen fields and three functions, and to make them anew for each request took 5 %
 * of the main thread (docs/decisions.md).
 */
export class StateRequests {
  readonly #context: FrontContext;
  readonly #idle: StateRequest[] = [];

  constructor(context: FrontContext) {
    this.#context = context;
  }

  /** Takes over a request; must be called within its route handler. The ids are as the path has them. */
  start(res: HttpResponse, req: HttpRequest, applicationId: string, deviceId: string): void {
    const request = this.#idle.pop() ?? new StateRequest(this.#context, this.#idle);
    request.begin(res, req, applicationId, deviceId);
  }
}
