import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Root alone may mount, and in many containers not even that. */
export const mayMount: boolean = await run('unshare', ['--mount', 'true']).then(
  () => process.getuid?.() === 0,
  () => false,
);

/** A file system of its own, in memory, as small as asked for. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(megabytes: number): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), 'tiger-migrate-disk-'));
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=755`, 'tmpfs', path]);
    return new SmallDisk(path);
  }

  /** Bytes. */
  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Fills it with a file, but for so many bytes. */
  async fill(leave: number): Promise<void> {
    const free = await this.free();
    const file = await open(this.#filler, 'w');
    const block = Buffer.alloc(64 * 1024);
    for (let left = free - leave; left > 0; left -= block.length) {
      await file.write(block, 0, Math.min(left, block.length));
    }
    await file.close();
  }

  /** Takes that file away. */
  async makeRoom(): Promise<void> {
    await rm(this.#filler);
  }

  async remount(mode: 'ro' | 'rw' | `size=${number}m`): Promise<void> {
    await run('mount', ['-o', `remount,${mode}`, this.path]);
  }

  get #filler(): string {
    return join(this.path, 'filler');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run('umount', ['--lazy', this.path]);
    await rm(this.path, { recursive: true, force: true });
  }
}
