import { type WithShare, withOwnShare } from '../measure/own-share.js';
import { serveParent } from '../processes/parent-link.js';
import { MqttSocket } from './mqtt-socket.js';
import { openMqtt } from './open-mqtt.js';
import type { SocketResult } from './socket-load.js';

/** Publishes at QoS 1 as fast as it goes. */
export interface MqttLoad {
  readonly port: number;
  /** Connection i is of the device i. */
  readonly connections: number;
  /** One state. */
  readonly payload: string;
  readonly seconds: number;
  /** Publishes of a connection without PUBACK at most, and how many are written at once. */
  readonly window: number;
  readonly batch: number;
  /** Whether somebody takes what is published, as of a broker. */
  readonly hasSubscriber?: true;
}

const TICK_MS = 1;
const ANSWERS_WITHIN_MS = 15_000;

serveParent<MqttLoad, WithShare<SocketResult>>({ start: (load) => withOwnShare(() => run(load)) });

async function run(load: MqttLoad): Promise<SocketResult> {
  const { port, connections, payload, seconds, window, batch, hasSubscriber } = load;
  const subscriber = hasSubscriber && (await MqttSocket.open(port, connections, () => {}));
  subscriber?.subscribeToAll();
  let isSending = false;
  let settled = 0;
  let sockets: MqttSocket[] = [];
  const send = (number: number): void => {
    const socket = sockets[number] as MqttSocket;
    while (isSending && socket.sent - socket.settled + batch <= window) socket.publish(batch);
  };
  sockets = await openMqtt(port, connections, (number, count) => {
    settled += count;
    send(number);
  });
  for (const socket of sockets) socket.prepare(payload, window);
  isSending = true;
  const startMs = performance.now();
  for (let number = 0; number < connections; number++) send(number);
  await until(() => false, startMs + seconds * 1000);
  isSending = false;
  const measured = { measuredStates: settled, measuredSeconds: (performance.now() - startMs) / 1000 };
  const unanswered = (): number => sockets.reduce((sum, socket) => sum + socket.sent - socket.settled, 0);
  await until(() => unanswered() === 0, performance.now() + ANSWERS_WITHIN_MS);
  for (const socket of sockets) socket.close();
  subscriber?.close();
  return {
    acknowledged: Uint32Array.from(sockets, (socket) => socket.settled),
    sent: Uint32Array.from(sockets, (socket) => socket.sent),
    refusedFrames: 0,
    unansweredFrames: unanswered(),
    latency: undefined,
    ...measured,
  };
}

function until(isDone: () => boolean, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const tick = setInterval(() => {
      if (!isDone() && performance.now() < deadlineMs) return;
      clearInterval(tick);
      resolve();
    }, TICK_MS);
  });
}
