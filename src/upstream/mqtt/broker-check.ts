import { type CheckLine, ok, wrong } from '../../core/check-line.js';
import { FAILURE_REMEDIES } from '../../core/cloud-port.js';
import type { Clock } from '../../core/time/clock.js';
import { Blocked, linesOf, type WayEnd, walkTo, within } from '../way-steps.js';
import type { BrokerEnd } from './broker.js';
import type { BrokerWay } from './broker-dialer.js';
import { MqttBroker } from './mqtt-broker.js';

const STEP = 'broker answer';
/**
 * The id of no device. It comes without key and secret, so that it is no try to guess any, and counts against no device: a
 * broker bans those that break its limits (docs/cloud.md, "The broker").
 */
const NOBODY = { deviceId: '0'.repeat(24) };
/** CONNACK code of a broker that cannot serve anybody (MQTT 3.1.1, 3.2.2.3). */
const UNAVAILABLE = 3;

const REMEDIES = {
  ...FAILURE_REMEDIES,
  dns: 'See that the host in STATEWAY_MQTT_UPSTREAM_URL is spelt right and that the DNS server of this machine knows it.',
  refused:
    'See that host and port in STATEWAY_MQTT_UPSTREAM_URL are right and that the firewall lets connections to them out. Where it lets none out to port 8883, a wss URL goes by 443.',
  timeout:
    'See whether the line is up and whether the firewall drops connections to the broker. Where it does so on port 8883, a wss URL in STATEWAY_MQTT_UPSTREAM_URL goes by 443.',
  reset: 'See whether a firewall or proxy on the way cuts connections to the broker.',
  not_the_cloud:
    'See that STATEWAY_MQTT_UPSTREAM_URL names a broker and its port, with mqtt, mqtts, ws or wss as it speaks there, and that no firewall on the way ends MQTT.',
  proxy:
    'See that HTTPS_PROXY names the right proxy, with its credentials, and that it lets the broker and its port through.',
};

/**
 * Goes the way to the broker as the sessions of devices do, step by step: name, TCP, the HTTP proxy where there is one,
 * TLS, and what it answers to a log-in without credentials. Never rejects.
 */
export function checkBroker(way: BrokerWay, clock: Clock): Promise<readonly CheckLine[]> {
  const { protocol } = way.url;
  const isSecure = protocol === 'mqtts:' || protocol === 'wss:';
  const end = { ...way, isSecure, prefix: 'broker ', remedies: REMEDIES };
  return linesOf(end, ['answer'], walk(way, end, clock));
}

async function* walk(way: BrokerWay, end: WayEnd, clock: Clock): AsyncGenerator<CheckLine> {
  yield* walkTo(end, clock);
  const broker = new MqttBroker(way, clock);
  try {
    yield lineOf(await within(answerOf(broker), STEP, 'no CONNACK'));
  } catch (error) {
    throw new Blocked(wrong(STEP, (error as Error).message, REMEDIES.not_the_cloud));
  } finally {
    await broker.close();
  }
}

function answerOf(broker: MqttBroker): Promise<BrokerEnd | 'accepted'> {
  return new Promise((resolve) => {
    broker.connect(NOBODY, {
      onOpen: () => resolve('accepted'),
      onMessage: () => {},
      onDenied: () => {},
      onClosed: resolve,
    });
  });
}

/** A refusal too is the answer of a broker: it has nobody to let in. */
function lineOf(answered: BrokerEnd | 'accepted'): CheckLine {
  const code = answered === 'accepted' ? 0 : answered.kind === 'refused' ? answered.code : undefined;
  if (code === UNAVAILABLE) return wrong(STEP, 'CONNACK 3: it serves nobody now', REMEDIES.status);
  if (code !== undefined) return ok(STEP, `a broker's, CONNACK ${code} to a log-in without credentials`);
  if (answered !== 'accepted' && answered.kind === 'unreachable') return wrong(STEP, answered.words, REMEDIES.reset);
  return wrong(STEP, 'the connection is closed instead of CONNACK', REMEDIES.not_the_cloud);
}
