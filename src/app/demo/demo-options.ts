/** Options that the demo shares with its two halves. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULT_LOAD, MAX_RATE_HZ } from '../../simulator/fleet.js';

/** The load as the options give it. */
export interface LoadOptions {
  readonly devices: number;
  readonly seconds: number;
  readonly rate: number;
  readonly wsShare: number;
  readonly mqttShare: number;
  readonly mqttQos: 0 | 1;
  readonly seed: string;
}

/** The options of a load as commander has read them. */
export type LoadFlags = Omit<LoadOptions, 'wsShare'> & { readonly wsShare?: number };

const MAX_DEVICES = 100_000;
const MAX_SECONDS = 86_400;

/** Adds the options that say how large a load is. */
export function addLoadOptions(command: Command): Command {
  return addFleetIdentity(command)
    .addOption(
      new Option('--seconds <n>', 'how long they report')
        .argParser(numberIn(Number.MIN_VALUE, MAX_SECONDS, `a number of seconds above 0, up to ${MAX_SECONDS}`))
        .default(DEFAULT_LOAD.seconds),
    )
    .addOption(
      new Option('--rate <hz>', 'states per second of each device')
        .argParser(numberIn(Number.MIN_VALUE, MAX_RATE_HZ, `a number above 0, up to ${MAX_RATE_HZ}`))
        .default(DEFAULT_LOAD.rateHz),
    )
    .addOption(
      new Option(
        '--ws-share <share>',
        `share of the devices that report over WebSocket (default: ${DEFAULT_LOAD.wsShare}, or what MQTT leaves)`,
      ).argParser(numberIn(0, 1, 'a number from 0 to 1')),
    )
    .addOption(
      new Option('--mqtt-share <share>', 'share of the devices that report by MQTT; all others do by HTTP')
        .argParser(numberIn(0, 1, 'a number from 0 to 1'))
        .default(DEFAULT_LOAD.mqttShare),
    )
    .addOption(
      new Option('--mqtt-qos <qos>', '0: nothing is said back to them; 1: they have a PUBACK for each state')
        .argParser(wholeNumberIn(0, 1))
        .default(DEFAULT_LOAD.mqttQos),
    );
}

/**
 * The load that the options say.
 * @param command says what is wrong, and ends
 * @throws CommanderError when the shares are more than a whole
 */
export function loadOf<T extends LoadFlags>(flags: T, command: Command): T & LoadOptions {
  const wsShare = flags.wsShare ?? Math.min(DEFAULT_LOAD.wsShare, 1 - flags.mqttShare);
  if (wsShare + flags.mqttShare > 1) {
    command.error("error: options '--ws-share' and '--mqtt-share' are together more than 1. Allowed is at most 1.");
  }
  return { ...flags, wsShare };
}

/** Adds the options that say which devices there are. */
export function addFleetIdentity(command: Command): Command {
  return command
    .addOption(
      new Option('--devices <n>', 'number of devices')
        .argParser(wholeNumberIn(1, MAX_DEVICES))
        .default(DEFAULT_LOAD.devices),
    )
    .addOption(new Option('--seed <text>', 'what ids and credentials are derived from').default(DEFAULT_LOAD.seed));
}

/** Reads a whole number of an option. */
export function wholeNumberIn(min: number, max: number): (text: string) => number {
  const allowed = `a whole number from ${min} to ${max}`;
  const parse = numberIn(min, max, allowed);
  return (text) => {
    const value = parse(text);
    if (!Number.isInteger(value)) throw new InvalidArgumentError(`Allowed is ${allowed}.`);
    return value;
  };
}

function numberIn(min: number, max: number, allowed: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Allowed is ${allowed}.`);
    return value;
  };
}
