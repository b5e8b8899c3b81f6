import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { SpoolOpenError } from './spool-open-error.js';

/** `serving-<process id>@<host>-<random>.sock`: unlike any other that ever was, so that removing a dead one is safe. */
const SOCKET_NAME = /^serving-(\d+)@(.*)-([\da-f]{12})\.sock$/;
/** A process that is stopped neither answers nor goes: then it counts as serving. */
const ANSWER_WITHIN_MS = 2_000;
/** A socket's path may have about 107 bytes (unix(7)); the directory's descriptor stands for one that is longer. */
const LONGEST_PATH_BYTES = 100;
const LONGEST_HOST_CHARACTERS = 40;

interface Other {
  readonly name: string;
  readonly owner: string;
}

/**
 * Keeps a second process off a data directory.
 *
 * Each process that wants the directory listens on a socket of its own in it; whoever finds another socket on which
 * somebody listens gives way. The kernel ends the listening with the process, however that dies, and it is seen from
 * every container that has the directory, where a process id says nothing. Of two that start at the same moment, the
 * one whose name is greater gives way, and the other waits to see whether it does.
 */
export class DirectoryLock {
  readonly #server: Server;
  readonly #directoryDescriptor: number;
  /** Those who wait to hear whether this process got the directory. */
  readonly #waiting = new Set<Socket>();
  #isHeld = false;

  private constructor(server: Server, directoryDescriptor: number) {
    this.#server = server;
    this.#directoryDescriptor = directoryDescriptor;
    server.on('connection', (socket) => this.#answer(socket));
  }

  /** @throws SpoolOpenError naming the process that has the directory */
  static async take(directory: string): Promise<DirectoryLock> {
    const random = randomBytes(6).toString('hex');
    const host = hostname().slice(0, LONGEST_HOST_CHARACTERS);
    const name = `serving-${process.pid}@${host}-${random}.sock`;
    const server = createServer();
    const lock = new DirectoryLock(server, openSync(directory, 'r'));
    try {
      await listening(server, lock.#pathOf(directory, name));
      for (const other of othersIn(directory, name)) await lock.#giveWayTo(directory, random, other);
    } catch (error) {
      await lock.release();
      throw error;
    }
    lock.#isHeld = true;
    for (const socket of lock.#waiting) lock.#answer(socket);
    // The proxy ends when its work does; the lock keeps nothing running.
    server.unref();
    return lock;
  }

  /** The process that has the directory, in words, as far as one has; for those who only want to look. */
  static async ownerOf(directory: string): Promise<string | undefined> {
    const descriptor = openSync(directory, 'r');
    try {
      for (const { name, owner } of othersIn(directory, '')) {
        if ((await ask(pathFor(directory, descriptor, name))) === 'serving') return owner;
      }
      return undefined;
    } finally {
      closeSync(descriptor);
    }
  }

  /** Lets the next one in. Does nothing the second time. */
  async release(): Promise<void> {
    for (const socket of this.#waiting) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise((resolve) => this.#server.close(resolve));
    closeSync(this.#directoryDescriptor);
  }

  #pathOf(directory: string, name: string): string {
    return pathFor(directory, this.#directoryDescriptor, name);
  }

  #answer(socket: Socket): void {
    this.#waiting.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#waiting.delete(socket));
    if (this.#isHeld) socket.end('serving');
  }

  async #giveWayTo(directory: string, random: string, { name, owner }: Other): Promise<void> {
    const path = this.#pathOf(directory, name);
    // The greater name must not wait: two that wait for each other would do so for good.
    const isGreater = random > ((SOCKET_NAME.exec(name) as RegExpExecArray)[3] as string);
    const found = await ask(path, isGreater);
    if (found === 'dead') rmSync(join(directory, name), { force: true });
    if (found === 'serving') throw new SpoolOpenError(`the data directory ${directory} is in use by ${owner}`);
  }
}

function othersIn(directory: string, ownName: string): Other[] {
  return readdirSync(directory).flatMap((name) => {
    const match = SOCKET_NAME.exec(name);
    if (match === null || name === ownName) return [];
    const [, pid, host] = match;
    return [{ name, owner: host === hostname() ? `process ${pid}` : `process ${pid} on ${host}` }];
  });
}

function pathFor(directory: string, descriptor: number, name: string): string {
  const path = join(directory, name);
  return Buffer.byteLength(path) <= LONGEST_PATH_BYTES ? path : `/proc/self/fd/${descriptor}/${name}`;
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new SpoolOpenError(`no lock can be made in the data directory: ${error.message}`, { cause: error }));
    });
    server.listen(path, resolve);
  });
}

/**
 * Asks whoever listens at `path`: `serving` when he has the directory, or listens at all and `isListeningEnough`; `gone`
 * when he listens no more; `dead` when nobody did.
 */
function ask(path: string, isListeningEnough = false): Promise<'serving' | 'gone' | 'dead'> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    let isConnected = false;
    const end = (found: 'serving' | 'gone' | 'dead') => {
      socket.destroy();
      resolve(found);
    };
    socket.setTimeout(ANSWER_WITHIN_MS, () => end('serving'));
    socket.on('connect', () => {
      isConnected = true;
      if (isListeningEnough) end('serving');
    });
    socket.on('data', () => end('serving'));
    socket.on('close', () => end(isConnected ? 'gone' : 'dead'));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isDead = error.code === 'ECONNREFUSED' || error.code === 'ENOENT';
      end(isConnected ? 'gone' : isDead ? 'dead' : 'serving');
    });
  });
}
