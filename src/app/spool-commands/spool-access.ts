import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError, quote } from '../../config/config-error.js';
import { loadConfig } from '../../config/load.js';
import { OfflineSpool } from '../../spool/beside/offline-spool.js';

/** Options of every command that looks into a data directory. */
export interface DataDirOptions {
  readonly dataDir?: string;
}

/** Adds the flag of the data directory. */
export function withDataDir(command: Command): Command {
  return command.option('--data-dir <path>', 'the data directory (STATEWAY_DATA_DIR)');
}

/**
 * Opens the spool of the data directory for as long as `use` takes.
 * @throws ConfigError that names the option, when that leads to no directory
 * @throws SpoolOpenError when there is no spool in it that can be opened
 */
export async function withSpool(
  options: DataDirOptions,
  use: (spool: OfflineSpool, dataDir: string) => void | Promise<void>,
): Promise<void> {
  const dataDir = await existingDataDir(options);
  const spool = await OfflineSpool.open(dataDir);
  try {
    await use(spool, dataDir);
  } finally {
    await spool.close();
  }
}

/** The data directory, which has to be there. @throws ConfigError */
export async function existingDataDir({ dataDir }: DataDirOptions): Promise<string> {
  const config = loadConfig(process.env, dataDir === undefined ? {} : { dataDir });
  if (config.spool === 'jetstream' && dataDir === undefined) {
    throw new ConfigError(
      'STATEWAY_SPOOL is jetstream, and this command reads the data directory of a single proxy; name one by --data-dir, or see what replicas hold on the status page',
    );
  }
  try {
    await stat(config.dataDir);
  } catch (error) {
    const name = { flag: '--data-dir', environment: 'STATEWAY_DATA_DIR', default: 'the data directory' }[
      config.sources.dataDir as 'flag' | 'environment' | 'default'
    ];
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'is not there' : `cannot be used (${code})`;
    throw new ConfigError(`${name} ${quote(config.dataDir)} ${why}; name the one of the proxy by --data-dir`);
  }
  return config.dataDir;
}
