/**
 * A device in a process of its own, by a version of the library that the vendor's JavaScript client is made of:
 * `node mqtt-device.mjs PACKAGE URL ID KEY SECRET QOS STATE…` subscribes to its commands, sends the states, and prints a
 * line of JSON for each thing that happens. It ends after the first command.
 */
const [library, url, clientId, username, password, qos, ...states] = process.argv.slice(2);
const mqtt = await import(/** @type {string} */ (library));
const connect = mqtt.connect ?? mqtt.default.connect;

/** @param {object} line */
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const client = connect(url, { clientId, username, password, protocolVersion: 4 });
client.on('error', (/** @type {Error} */ error) => print({ event: 'error', message: error.message }));
client.on('connect', () => {
  client.subscribe(`losant/${clientId}/command`, () => print({ event: 'subscribed' }));
  for (const state of states) {
    client.publish(`losant/${clientId}/state`, state, { qos: Number(qos) }, () => print({ event: 'settled' }));
  }
});
client.on('message', (/** @type {string} */ topic, /** @type {Buffer} */ payload) => {
  print({ event: 'command', topic, payload: payload.toString() });
  client.end();
});
