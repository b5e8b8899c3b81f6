import { Command } from 'commander';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { flagDescriptors } from '../../src/config/describe.js';
import type { Config } from '../../src/config/load.js';
import { flagOf, OPTION_KEYS, type OptionKey, optionRow } from '../../src/config/options.js';

/** contract 1.2, 1.8 and 1.9.1, in their order. */
const CONTRACT = `LISTEN ADMIN_LISTEN ADMIN_HOSTS ADMIN_TOKEN ADMIN_TLS_CERT_FILE ADMIN_TLS_KEY_FILE TLS_CERT_FILE TLS_KEY_FILE
  UPSTREAM_URL UPSTREAM_TOKEN UPSTREAM_CA_FILE DATA_DIR SECRET_KEY MAX_SPOOL_BYTES RETENTION_MS MAX_DEAD_LETTER_BYTES OUT_OF_WINDOW WINDOW_MS
  COALESCE RATE_LIMIT UPLINK_BYTES_PER_SECOND MAX_BODY_BYTES WORKERS FRONTS MQTT_LISTEN MQTT_TLS_LISTEN MQTT_MAX_CONNECTIONS
  MQTT_MAX_INFLIGHT COMMANDS MQTT_UPSTREAM_URL MQTT_UPSTREAM_CONNECTS MQTT_UPSTREAM_SESSIONS
  SPOOL NATS_URL NATS_CREDENTIALS_FILE NATS_CA_FILE NATS_MONITOR_URL NATS_PARTITIONS NATS_REPLICAS
  NAME EXEMPLARS TOKEN_CACHE_SIZE TOKEN_TTL_MS TOKEN_OFFLINE_MS PASSTHROUGH LOG_LEVEL DEBUG_DEVICE`;

describe('the table of options', () => {
  it('has the variables of the contract', () => {
    const variables = OPTION_KEYS.map((key) => optionRow(key).variable);
    expect(variables).toEqual(CONTRACT.split(/\s+/).map((name) => `STATEWAY_${name}`));
  });

  it('hides what is secret', () => {
    expect(OPTION_KEYS.filter((key) => optionRow(key).secret)).toEqual(['adminToken', 'upstreamToken', 'secretKey']);
  });

  it('keys each row as commander names its flag', () => {
    for (const key of OPTION_KEYS) {
      const command = new Command().option(`${flagOf(optionRow(key).variable)} <value>`);
      expect(command.options[0]?.attributeName()).toBe(key);
    }
    const command = new Command().option('--upstream-token-file <path>');
    expect(command.options[0]?.attributeName()).toBe('upstreamTokenFile');
  });

  it('gives a flag to every option, and one more to each secret', () => {
    const ofOption = (key: OptionKey) => `${flagOf(optionRow(key).variable)} <value>`;
    const ofFile = (key: OptionKey) => ofOption(key).replace(' <value>', '-file <path>');
    expect(flagDescriptors().map(({ flags }) => flags)).toEqual(
      OPTION_KEYS.flatMap((key) => (optionRow(key).secret ? [ofOption(key), ofFile(key)] : [ofOption(key)])),
    );
    expect(flagOf('STATEWAY_UPSTREAM_URL')).toBe('--upstream-url');
  });

  it('has help that needs no page around it', () => {
    const help = flagDescriptors().map(({ description }) => description);
    expect(help.filter((text) => /\b(?:below|above|this page|next section|see there)\b/i.test(text))).toEqual([]);
    expect(help.filter((text) => /\]\(/.test(text))).toEqual([]);
  });

  it('types the values', () => {
    expectTypeOf<Config['windowMs']>().toEqualTypeOf<number>();
    expectTypeOf<Config['coalesce']>().toEqualTypeOf<'merge' | 'latest'>();
    expectTypeOf<Config['upstreamToken']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<Config['secretKey']>().toEqualTypeOf<Uint8Array | undefined>();
    expectTypeOf<Config['rateLimit']['requests']>().toEqualTypeOf<number>();
  });
});
