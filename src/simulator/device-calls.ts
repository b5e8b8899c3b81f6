import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/time/clock.js';
import type { DeviceState } from '../state/validate.js';
import type { CloudApi } from './cloud-api.js';
import type { HeldState } from './cloud-holdings.js';
import { CloudRefusal, readJson, replyJson } from './cloud-http.js';

/** What can be asked of a device beside itself: the last part of the path, with the method before it. */
export const DEVICE_CALLS: ReadonlySet<string> = new Set([
  'GET state',
  'GET compositeState',
  'GET command',
  'POST command',
  'GET stateStream',
  'GET commandStream',
]);

const MAX_COMMAND_BODY_BYTES = 262_144;
const MAX_COMMANDS_KEPT = 1_000;

interface Command {
  readonly name: string;
  readonly payload: unknown;
  readonly timeMs: number;
}

/** Where a call comes from and goes to. */
export interface DeviceCall {
  /** One of {@link DEVICE_CALLS}. */
  readonly call: string;
  readonly applicationId: string;
  readonly deviceId: string;
}

/** A device's own reads, its commands, and the two streams of events (docs/cloud.md, "Streams"). */
export class DeviceCalls {
  readonly #api: CloudApi;
  readonly #clock: Clock;
  readonly #commands = new Map<string, Command[]>();
  /** Open streams, by `stateStream` or `commandStream` and the device. */
  readonly #streams = new Map<string, Set<ServerResponse>>();

  readonly #onCommand: (deviceId: string, payload: Buffer) => Promise<number>;

  /** @param onCommand takes a command as the broker sends it, and says to how many connections */
  constructor(api: CloudApi, clock: Clock, onCommand: (deviceId: string, payload: Buffer) => Promise<number>) {
    this.#api = api;
    this.#clock = clock;
    this.#onCommand = onCommand;
  }

  /** @throws CloudRefusal */
  async answer(target: DeviceCall, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { call, applicationId, deviceId } = target;
    this.#api.assertReadable(request, applicationId, deviceId);
    const query = new URLSearchParams(request.url?.split('?', 2)[1] ?? '');
    switch (call) {
      case 'GET state':
        return replyJson(response, 200, this.#recentStates(deviceId, query));
      case 'GET compositeState':
        return replyJson(response, 200, this.#compositeState(deviceId));
      case 'GET command':
        return replyJson(response, 200, this.#recentCommands(deviceId, query));
      case 'POST command':
        await this.sendCommand(deviceId, await readJson(request, MAX_COMMAND_BODY_BYTES));
        return replyJson(response, 200, { success: true });
      default:
        return this.#stream(`${call.slice('GET '.length)} ${deviceId}`, response, query);
    }
  }

  /** Tells those who listen what a device sent. */
  tellStates(deviceId: string, states: readonly DeviceState[]): void {
    for (const state of states) this.#tell(`stateStream ${deviceId}`, 'deviceState', state);
  }

  /** Forgets commands; streams stay open. */
  reset(): void {
    this.#commands.clear();
  }

  /**
   * Sends a command to a device: to its streams, and by the broker.
   * @returns to how many connections of the broker it went
   * @throws CloudRefusal when it is none
   */
  async sendCommand(deviceId: string, body: unknown): Promise<number> {
    const { name, payload } = (body ?? {}) as { name?: unknown; payload?: unknown };
    if (typeof name !== 'string' || name === '' || name.length > 255) {
      throw new CloudRefusal(400, 'Validation', 'name must be a string of 1 to 255 characters');
    }
    const command = { name, payload, timeMs: this.#clock.wallMs() };
    const commands = this.#commands.get(deviceId) ?? [];
    this.#commands.set(deviceId, [command, ...commands].slice(0, MAX_COMMANDS_KEPT));
    this.#tell(`commandStream ${deviceId}`, 'deviceCommand', shown(command));
    // By the broker its time is that of extended JSON (docs/cloud.md, "The broker").
    const time = { $date: new Date(command.timeMs).toISOString() };
    return this.#onCommand(deviceId, Buffer.from(JSON.stringify({ name, time, payload })));
  }

  #recentCommands(deviceId: string, query: URLSearchParams): unknown[] {
    const commands = this.#commands.get(deviceId) ?? [];
    return recent(commands, query).map(shown);
  }

  #recentStates(deviceId: string, query: URLSearchParams): unknown[] {
    const newestFirst = this.#held(deviceId).sort((a, b) => b.timeMs - a.timeMs);
    return recent(newestFirst, query).map(({ timeMs, data }) => ({ time: new Date(timeMs).toISOString(), data }));
  }

  #compositeState(deviceId: string): Record<string, unknown> {
    const oldestFirst = this.#held(deviceId).sort((a, b) => a.timeMs - b.timeMs);
    const values = oldestFirst.flatMap(({ timeMs, data }) => {
      const time = new Date(timeMs).toISOString();
      return Object.entries(data).map(([name, value]) => [name, { time, value }] as const);
    });
    return Object.fromEntries(values);
  }

  #held(deviceId: string): HeldState[] {
    return [...(this.#api.ledger(deviceId)?.records ?? [])];
  }

  #stream(key: string, response: ServerResponse, query: URLSearchParams): void {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    response.flushHeaders();
    const listeners = this.#streams.get(key) ?? new Set();
    this.#streams.set(key, listeners.add(response));
    const stopKeepAlive = this.#keepAlive(response, Number(query.get('keepAliveInterval')));
    response.on('close', () => {
      listeners.delete(response);
      stopKeepAlive();
    });
  }

  /** @param everySeconds 0: not at all */
  #keepAlive(response: ServerResponse, everySeconds: number): () => void {
    if (!(everySeconds > 0)) return () => {};
    let cancel = () => {};
    const next = (): void => {
      cancel = this.#clock.schedule(everySeconds * 1_000, () => {
        response.write(':keep-alive\n\n');
        next();
      });
    };
    next();
    return () => cancel();
  }

  #tell(key: string, event: string, data: unknown): void {
    for (const response of this.#streams.get(key) ?? []) {
      response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  }
}

/** Those that the query asks for, of a list with the newest first: one, if it does not say. */
function recent<T extends { readonly timeMs: number }>(newestFirst: readonly T[], query: URLSearchParams): T[] {
  const limit = Number(query.get('limit') ?? 1);
  const sinceMs = Number(query.get('since') ?? Number.NEGATIVE_INFINITY);
  return newestFirst.filter(({ timeMs }) => timeMs >= sinceMs).slice(0, limit);
}

function shown({ name, payload, timeMs }: Command): unknown {
  return { name, time: new Date(timeMs).toISOString(), payload };
}
