import { serveParent } from '../processes/parent-link.js';
import type { IdleSockets } from './idle-sockets-process.js';
import { openMqtt } from './open-mqtt.js';

/** MQTT connections that have their CONNACK and say nothing more. */
serveParent<IdleSockets, { openSeconds: number }>({
  async start({ port, sockets, atOnce }) {
    const startMs = performance.now();
    await openMqtt(port, sockets, () => {}, atOnce);
    return { openSeconds: (performance.now() - startMs) / 1000 };
  },
});
