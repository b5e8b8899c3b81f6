import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SpoolOpenError } from './disk-fault.js';

/** `serving`: has the directory, or is about to. `looking`: opens what is in it for a moment, while nobody has it. */
export type Part = 'serving' | 'looking';

/** Another process that has to do with the directory, or had. */
export interface Other {
  readonly name: string;
  /** In words, as far as one can say. */
  readonly owner: string;
  /** Its random part: no two sockets have the same. */
  readonly random: string;
}

/** `<part>-<process id>@<host>-<random>.sock`: unlike any other that ever was, so that removing a dead one is safe. */
const SOCKET_NAME = /^(serving|looking)-(\d+)@(.*)-([\da-f]{12})\.sock$/;
/** A process that is stopped neither answers nor goes: then it counts as there. */
const ANSWER_WITHIN_MS = 2_000;
/** A socket's path may have about 107 bytes (unix(7)); the directory's descriptor stands for one that is longer. */
const LONGEST_PATH_BYTES = 100;
const LONGEST_HOST_CHARACTERS = 40;

/**
 * A socket in a data directory on which a process listens, so that others know of it. The kernel ends the listening with
 * the process, however that dies, and it is seen from every container that has the directory, where a process id says
 * nothing.
 */
export class ProcessSocket {
  readonly random = randomBytes(6).toString('hex');
  readonly #directory: string;
  readonly #descriptor: number;
  readonly #name: string;
  readonly #server: Server;
  readonly #callers = new Set<Socket>();

  private constructor(directory: string, part: Part, onCaller: (caller: Socket) => void) {
    this.#directory = directory;
    this.#descriptor = openSync(directory, 'r');
    this.#name = `${part}-${process.pid}@${hostname().slice(0, LONGEST_HOST_CHARACTERS)}-${this.random}.sock`;
    this.#server = createServer((caller) => {
      this.#callers.add(caller);
      caller.on('error', () => {});
      caller.on('close', () => this.#callers.delete(caller));
      onCaller(caller);
    });
  }

  /**
   * @param onCaller told of each process that connects; `error` of its socket is seen to
   * @throws SpoolOpenError when no socket can be made in the directory
   */
  static async listen(directory: string, part: Part, onCaller: (caller: Socket) => void): Promise<ProcessSocket> {
    const own = new ProcessSocket(directory, part, onCaller);
    try {
      await listening(own.#server, own.pathOf(own.#name));
      return own;
    } catch (error) {
      closeSync(own.#descriptor);
      throw error;
    }
  }

  /** Lets a process end that has nothing else to do. */
  unref(): void {
    this.#server.unref();
  }

  /** All others, of which some may be dead. */
  others(part: Part): Other[] {
    return readdirSync(this.#directory).flatMap((name) => {
      const match = SOCKET_NAME.exec(name);
      if (match === null || name === this.#name || match[1] !== part) return [];
      const [, , pid, host, random] = match as unknown as [string, Part, string, string, string];
      return [{ name, random, owner: host === hostname() ? `process ${pid}` : `process ${pid} on ${host}` }];
    });
  }

  /**
   * Whether `other` is there: `there` when it says so, does not answer in time, or listens at all and `isListeningEnough`;
   * `gone` when it listens no more; `dead` when nobody did, and then its socket is removed.
   */
  async find(other: Other, isListeningEnough = false): Promise<'there' | 'gone' | 'dead'> {
    const found = await ask(this.pathOf(other.name), isListeningEnough);
    if (found === 'dead') rmSync(join(this.#directory, other.name), { force: true });
    return found;
  }

  /** Where the socket of this name is reached; until this one is closed. */
  pathOf(name: string): string {
    const path = join(this.#directory, name);
    return Buffer.byteLength(path) <= LONGEST_PATH_BYTES ? path : `/proc/self/fd/${this.#descriptor}/${name}`;
  }

  /** Listens no more, and lets all callers go. */
  async stopListening(): Promise<void> {
    for (const caller of this.#callers) caller.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  /** To be called once. */
  async close(): Promise<void> {
    await this.stopListening();
    closeSync(this.#descriptor);
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new SpoolOpenError(`no lock can be made in the data directory: ${error.message}`, { cause: error }));
    });
    server.listen(path, resolve);
  });
}

function ask(path: string, isListeningEnough: boolean): Promise<'there' | 'gone' | 'dead'> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    let isConnected = false;
    const end = (found: 'there' | 'gone' | 'dead') => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => end('there'));
    socket.on('connect', () => {
      isConnected = true;
      if (isListeningEnough) end('there');
    });
    socket.on('data', () => end('there'));
    socket.on('close', () => end(isConnected ? 'gone' : 'dead'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isDead = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      end(isConnected ? 'gone' : isDead ? 'dead' : 'there');
    });
  });
}
