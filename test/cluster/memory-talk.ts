import type { Answer, Talk } from '../../src/cluster/talk.js';

type Listener = (payload: Uint8Array, answer: Answer | undefined) => void;

/** Servers that pass on what is said, at once, to all that listen. */
export class MemoryServers {
  readonly #listeners = new Map<string, Set<Listener>>();

  /** @param isThere whether anything passes between the servers and this one */
  talk(isThere: () => boolean = () => true): Talk {
    const tell = (subject: string, payload: Uint8Array, answer?: Answer) => {
      if (!isThere()) return;
      for (const listener of this.#listeners.get(subject) ?? []) listener(payload, answer);
    };
    return {
      say: (subject, payload) => tell(subject, payload),
      listen: (subject, onMessage) => {
        const listener: Listener = (payload, answer) => {
          if (isThere()) onMessage(payload, answer);
        };
        const all = this.#listeners.get(subject) ?? new Set();
        this.#listeners.set(subject, all.add(listener));
        return () => all.delete(listener);
      },
      ask: (subject, payload) =>
        new Promise((resolve) => {
          tell(subject, payload, resolve);
          if (!isThere() || !this.#listeners.get(subject)?.size) resolve(undefined);
        }),
    };
  }
}
