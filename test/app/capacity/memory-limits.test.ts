import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { onOldHeapBytes, readMemoryLimits } from '../../../src/app/capacity/memory-limits.js';

const MIB = 1024 * 1024;
const MACHINE_BYTES = 8_192 * MIB;
const MOUNTS = {
  v1: '34 30 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
  v1InContainer: '34 30 0:31 /docker/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory',
  v2: '35 30 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate',
};

/** What is read on a machine with these files. */
function limitsWith(groups: string, mounts: string, files: Record<string, string>) {
  const all: Record<string, string> = { '/proc/self/cgroup': groups, '/proc/self/mountinfo': mounts, ...files };
  const { bytes, source } = readMemoryLimits((file) => all[file], MACHINE_BYTES);
  return { mib: bytes / MIB, source };
}

describe('the limit of memory', () => {
  it('is what the machine has where nothing bounds it', () => {
    expect(limitsWith('0::/', MOUNTS.v2, {})).toEqual({ mib: 8_192, source: 'machine' });
    expect(limitsWith('', '', {})).toEqual({ mib: 8_192, source: 'machine' });
    const none = { '/sys/fs/cgroup/memory/memory.limit_in_bytes': '9223372036854771712\n' };
    expect(limitsWith('4:memory:/', MOUNTS.v1, none)).toEqual({ mib: 8_192, source: 'machine' });
    const max = { '/sys/fs/cgroup/a/memory.max': 'max\n' };
    expect(limitsWith('0::/a', MOUNTS.v2, max)).toEqual({ mib: 8_192, source: 'machine' });
  });

  it('is that of its group', () => {
    const v2 = { '/sys/fs/cgroup/a.slice/b.service/memory.max': `${768 * MIB}\n` };
    expect(limitsWith('0::/a.slice/b.service', MOUNTS.v2, v2)).toEqual({ mib: 768, source: 'container' });
    const v1 = { '/sys/fs/cgroup/memory/pods/b/memory.limit_in_bytes': `${512 * MIB}\n` };
    const groups = '5:cpu,cpuacct:/\n4:memory:/pods/b\n0::/\n';
    expect(limitsWith(groups, `${MOUNTS.v2}\n${MOUNTS.v1}\n`, v1)).toEqual({ mib: 512, source: 'container' });
  });

  it('is that of a group above it where that is less', () => {
    const files = {
      '/sys/fs/cgroup/pods/one/app/memory.max': `${768 * MIB}`,
      '/sys/fs/cgroup/pods/one/memory.max': 'max',
      '/sys/fs/cgroup/pods/memory.max': `${400 * MIB}`,
    };
    expect(limitsWith('0::/pods/one/app', MOUNTS.v2, files)).toEqual({ mib: 400, source: 'container' });
  });

  it('is found in a container, whose own group stands at the mount', () => {
    const v2 = { '/sys/fs/cgroup/memory.max': `${256 * MIB}` };
    expect(limitsWith('0::/', MOUNTS.v2, v2)).toEqual({ mib: 256, source: 'container' });
    // A process that was moved in from outside sees the way there.
    expect(limitsWith('0::/../../init', MOUNTS.v2, v2)).toEqual({ mib: 256, source: 'container' });
    const v1 = { '/sys/fs/cgroup/memory/memory.limit_in_bytes': `${300 * MIB}` };
    expect(limitsWith('4:memory:/docker/abc', MOUNTS.v1InContainer, v1)).toEqual({ mib: 300, source: 'container' });
    const below = { '/sys/fs/cgroup/memory/a/memory.limit_in_bytes': `${200 * MIB}`, ...v1 };
    expect(limitsWith('4:memory:/docker/abc/a', MOUNTS.v1InContainer, below)).toEqual({
      mib: 200,
      source: 'container',
    });
  });

  it('has a heap of V8 beside it', () => {
    expect(readMemoryLimits().heapBytes).toBeGreaterThan(100 * MIB);
  });

  it('has of that heap a part for young objects, which is told by the first thread that is up', async () => {
    const told = new Promise<number>((resolve) => onOldHeapBytes(resolve));
    const worker = new Worker('', { eval: true });
    const bytes = await told;
    expect(bytes).toBeGreaterThan(100 * MIB);
    expect(bytes).toBeLessThan(readMemoryLimits().heapBytes);
    await worker.terminate();
  });
});
