import { createRequire } from 'node:module';

/** A stream of events, as the real client gives it. */
export interface EventStream {
  addEventListener(name: string, listener: (event: { readonly data: string }) => void): void;
  close(): void;
}

/** The part of the real client (losant-rest 2.8.1) that is used; it has no types of its own. */
export interface LosantClient {
  setOption(name: string, value: string): void;
  auth: { authenticateDevice(params: object): Promise<{ token: string; applicationId: string }> };
  device: {
    sendState(params: object): Promise<{ success: boolean }>;
    get(params: object): Promise<Record<string, unknown>>;
    getState(params: object): Promise<Record<string, unknown>[]>;
    getCompositeState(params: object): Promise<Record<string, unknown>>;
    getCommand(params: object): Promise<Record<string, unknown>[]>;
    sendCommand(params: object): Promise<{ success: boolean }>;
    commandStream(params: object): Promise<EventStream>;
    stateStream(params: object): Promise<EventStream>;
  };
}

export const { createClient } = createRequire(import.meta.url)('losant-rest') as {
  createClient(options: { url: string; accessToken?: string }): LosantClient;
};
