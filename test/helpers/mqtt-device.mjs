/**
 * A device in a process of its own, by a version of the library that the vendor's JavaScript client is made of:
 * `node mqtt-device.mjs PACKAGE URL ID KEY SECRET QOS COUNT` subscribes to its commands, sends so many states, and prints a
 * line of JSON for each thing that happens. It ends after the first command.
 */
const [library, url, clientId, username, password, qos, count] = process.argv.slice(2);
const mqtt = await import(/** @type {string} */ (library));
const connect = mqtt.connect ?? mqtt.default.connect;

/** @param {object} line */
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = connect(url, { clientId, username, password, protocolVersion: 4 });
client.on('error', (/** @type {Error} */ error) => print({ event: 'error', message: error.message }));
client.on('connect', () => {
  client.subscribe(`losant/${clientId}/command`, () => print({ event: 'subscribed' }));
  for (let n = 0; n < Number(count); n++) {
    const state = { time: { $date: new Date(Date.now() + n).toISOString() }, data: { reading: n } };
    client.publish(`losant/${clientId}/state`, JSON.stringify(state), { qos: Number(qos) }, () =>
      print({ event: 'settled', reading: n }),
    );
  }
});
client.on('message', (/** @type {string} */ topic, /** @type {Buffer} */ payload) => {
  print({ event: 'command', topic, payload: payload.toString() });
  client.end();
});
