import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type AtEnd, freshDirectory } from './fault-site.js';

/** Runs a command; its own words as the error's when it fails. */
function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Why nothing can be mounted here; undefined when it can. */
function reasonNotToMount(type: string, source: string, options: string, at: string): string | undefined {
  const { status, stderr, error } = spawnSync('mount', ['-t', type, '-o', options, source, at], { encoding: 'utf8' });
  if (status !== 0) return (error?.message ?? stderr).trim();
  run('umount', at);
  return undefined;
}

/** A file system in memory of a size of its own. */
export class SmallDisk {
  /** Where it is mounted. */
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Mounts one until the test is over; the reason in words where that is not possible. */
  static mount(atEnd: AtEnd, bytes: number): SmallDisk | string {
    const directory = freshDirectory(atEnd);
    const options = `size=${bytes},mode=0700`;
    const reason = reasonNotToMount('tmpfs', 'tmpfs', options, directory);
    if (reason !== undefined) return reason;
    run('mount', '-t', 'tmpfs', '-o', options, 'tmpfs', directory);
    atEnd(() => run('umount', '--lazy', directory));
    return new SmallDisk(directory);
  }
}

const IMAGE_BYTES = 64 * 1024 * 1024;
const CONTROL_FILE = 'never-synced';
const CONTROL_BYTES = 100_000;

/**
 * A disk whose power can be cut: an ext4 file system in an image file. What programs write there stays in the kernel's
 * page cache; only what they sync, or what has waited for half a minute, comes to be in the image. So a copy of the
 * image is what a real disk would hold if the power went at that moment, and its journal is recovered on mounting it.
 * A file that was written and never synced is planted each time, to show that such writes are indeed dropped.
 */
export class PowerCutDisk {
  /** Where it is mounted now; another place after each cut. */
  directory: string;
  readonly #room: string;
  #image: string;
  #cuts = 0;

  private constructor(room: string, image: string, directory: string) {
    this.#room = room;
    this.#image = image;
    this.directory = directory;
  }

  /** Makes and mounts one until the test is over; the reason in words where that is not possible. */
  static mount(atEnd: AtEnd): PowerCutDisk | string {
    const room = freshDirectory(atEnd);
    const image = join(room, 'image-0');
    const directory = join(room, 'disk-0');
    mkdirSync(directory);
    closeSync(openSync(image, 'w'));
    truncateSync(image, IMAGE_BYTES);
    const made = spawnSync('mkfs.ext4', ['-q', '-F', image], { encoding: 'utf8' });
    if (made.status !== 0) return (made.error?.message ?? made.stderr).trim();
    const reason = reasonNotToMount('ext4', image, 'loop', directory);
    if (reason !== undefined) return reason;
    run('mount', '-t', 'ext4', '-o', 'loop', image, directory);
    const disk = new PowerCutDisk(room, image, directory);
    atEnd(() => disk.#unmount());
    return disk;
  }

  /** Keeps what the disk holds at this moment. Whoever writes there must stand still. */
  cut(): void {
    this.#plantUnsynced();
    copyFileSync(this.#image, this.#imageOf(this.#cuts + 1));
  }

  /**
   * Puts what was kept in the place of the disk, which nobody may have open any more.
   * @throws Error when the copy has writes that nobody synced: then it shows nothing
   */
  restore(): void {
    this.#unmount();
    rmSync(this.#image);
    this.#cuts++;
    this.#image = this.#imageOf(this.#cuts);
    this.directory = join(this.#room, `disk-${this.#cuts}`);
    mkdirSync(this.directory);
    run('mount', '-t', 'ext4', '-o', 'loop', this.#image, this.directory);
    const control = statSync(join(this.directory, CONTROL_FILE), { throwIfNoEntry: false });
    if (control?.size === CONTROL_BYTES) throw new Error('the disk kept what was never synced');
  }

  /** Has the file system do what it does on an error that it cannot get over: from then on it is read-only, for good. */
  giveUp(): void {
    run('mount', '-o', 'remount,abort', this.directory);
  }

  #plantUnsynced(): void {
    const descriptor = openSync(join(this.directory, CONTROL_FILE), 'w');
    writeSync(descriptor, Buffer.alloc(CONTROL_BYTES, 'x'));
    closeSync(descriptor);
  }

  #imageOf(cut: number): string {
    return join(this.#room, `image-${cut}`);
  }

  #unmount(): void {
    run('umount', this.directory);
  }
}
