import { Command } from 'commander';
import { type Config, loadConfig } from '../../config/load.js';
import type { OptionKey } from '../../config/options.js';
import type { CheckLine } from '../../core/check-line.js';
import { systemClock } from '../../core/time/clock.js';
import { checkBroker } from '../../upstream/mqtt/broker-check.js';
import type { BrokerWay } from '../../upstream/mqtt/broker-dialer.js';
import { checkWay } from '../../upstream/way-check.js';
import { addConfigFlags } from './config-command.js';
import { checkDataDir } from './data-dir-check.js';

/** What it goes by; a proxy before the cloud comes from the environment. */
const OPTIONS: readonly OptionKey[] = [
  'upstreamUrl',
  'upstreamToken',
  'upstreamCaFile',
  'commands',
  'mqttUpstreamUrl',
  'mqttListen',
  'mqttTlsListen',
  'tlsCertFile',
  'tlsKeyFile',
  'dataDir',
  'maxSpoolBytes',
];

const RESULT_WORDS: Readonly<Record<CheckLine['result'], string>> = { ok: 'ok   ', wrong: 'WRONG', skipped: '-    ' };

/**
 * `stateway check`: goes the way to the cloud, and to its broker where devices are to speak MQTT, and looks at the data
 * directory, with the configuration that `serve` would have, beside a running proxy or without one. A line for each step:
 * ok, or what is wrong and what to do. Exit code 1 if anything is wrong.
 * @throws ConfigError from its action when the configuration is not allowed
 */
export function checkCommand(): Command {
  const command = new Command('check')
    .description(
      'ask the cloud and its broker and look at the data directory as the proxy would; say what is wrong and what to do',
    )
    .option('--json', 'print one JSON array, an object for each step');
  return addConfigFlags(command, OPTIONS).action(async (options: { json?: true }) => {
    const lines = await check(loadConfig(process.env, options));
    process.stdout.write(options.json ? `${JSON.stringify(lines, null, 2)}\n` : asText(lines));
    if (lines.some(({ result }) => result === 'wrong')) process.exitCode = 1;
  });
}

async function check(config: Config): Promise<readonly CheckLine[]> {
  const { upstreamUrl, upstreamCaFile, upstreamProxy, upstreamToken, dataDir, maxSpoolBytes } = config;
  const way = { url: new URL(upstreamUrl), caFile: upstreamCaFile, proxyUrl: upstreamProxy?.url, token: upstreamToken };
  const broker = brokerOf(config);
  return [
    ...(await checkWay(way, systemClock)),
    ...(broker === undefined ? [] : await checkBroker(broker, systemClock)),
    ...(await checkDataDir(dataDir, maxSpoolBytes)),
  ];
}

/** The broker where it is named, or MQTT has a port: who has no device that speaks MQTT may have no way to it either. */
function brokerOf(config: Config): BrokerWay | undefined {
  const { commandBroker, mqttListen, mqttTlsListen, sources, upstreamCaFile: caFile } = config;
  const isMeant = sources.mqttUpstreamUrl !== 'default' || mqttListen !== 'off' || mqttTlsListen !== 'off';
  if (commandBroker === undefined || !isMeant) return undefined;
  return { url: new URL(commandBroker.url), caFile, proxyUrl: commandBroker.proxy?.url };
}

function asText(lines: readonly CheckLine[]): string {
  const width = Math.max(...lines.map(({ step }) => step.length));
  return lines
    .map(({ step, result, words, remedy }) => {
      const line = `${RESULT_WORDS[result]}  ${step.padEnd(width)}  ${words}\n`;
      return remedy === undefined ? line : `${line}${' '.repeat(width + 9)}${remedy}\n`;
    })
    .join('');
}
