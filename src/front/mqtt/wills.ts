import type { Grant } from '../../core/grant.js';
import type { MqttTransport } from '../../core/metering/meters.js';
import type { BodyReceiver } from '../../core/ports.js';
import type { MqttContext } from './mqtt-context.js';
import type { Will } from './packets.js';
import { MAX_TOPIC_BYTES } from './publish-head.js';
import { type Route, routeOf, type TopicAccess } from './topics.js';

/** A state, with much room. It is held for as long as the connection, of which there may be many (contract 1.9.2). */
const MAX_WILL_BYTES = 4_096;

/**
 * A will that can be taken in when the time comes: one that is large, of QoS 2, of a topic that no PUBLISH may have, or of
 * one that is not allowed, is none, and costs the device nothing (contract 1.9.2).
 * @param ownId lower case
 */
export function usableWill(will: Will | undefined, ownId: string, access: TopicAccess): Will | undefined {
  if (will === undefined || will.qos === 2 || will.payload.length > MAX_WILL_BYTES) return undefined;
  const { topic } = will;
  if (topic === '' || Buffer.byteLength(topic) > MAX_TOPIC_BYTES || /[+#]/.test(topic)) return undefined;
  return routeOf(topic, ownId, access).kind === 'denied' ? undefined : will;
}

/**
 * Takes in the will of a connection that has ended without DISCONNECT, as a publish that nobody waits for.
 * @param grant of the device that it is a state of; undefined where there is no good one
 */
export function takeWill(
  context: MqttContext,
  transport: MqttTransport,
  { payload }: Will,
  route: Route,
  grant: Grant | undefined,
): void {
  const { admission, intake, meters } = context.front;
  const isState = route.kind === 'own state' || route.kind === 'state of another';
  if (!isState || grant === undefined || !admission.admit(payload.length)) {
    meters.mqtt.publishes.unavailable++;
    return;
  }
  const receiver: BodyReceiver = {
    transport,
    onStored(_ticket, states) {
      admission.release(payload.length);
      meters.received[transport].accepted += states;
      meters.mqtt.publishes.state++;
    },
    onRefused(_ticket, error) {
      admission.release(payload.length);
      meters.refuse(transport, error);
      if (error.retryable) meters.mqtt.publishes.unavailable++;
      else void keepAsLetter(context, grant, payload, error.message);
    },
  };
  intake.accept(grant, 'extended-json', payload, receiver, 0);
}

async function keepAsLetter(context: MqttContext, grant: Grant, payload: Uint8Array, reason: string): Promise<void> {
  const { publishes } = context.front.meters.mqtt;
  await context.letters.setAside(grant.device, payload, reason).then(
    (kept) => publishes[kept]++,
    () => publishes.unavailable++,
  );
}
