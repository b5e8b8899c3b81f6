"""
A device in a process of its own, by the library that the vendor's Python client is made of:
`python3 mqtt-device.py URL ID KEY SECRET STATE` subscribes to its commands, sends the state at QoS 1 and prints the first
command as a line of JSON. `CA_FILE` in the environment names whom it trusts.
"""
import json
import os
import sys
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

url, device_id, key, secret, state = sys.argv[1:]
scheme, port = urlsplit(url).scheme, urlsplit(url).port
# The second major version wants to be told which arguments its callbacks have.
callbacks = [mqtt.CallbackAPIVersion.VERSION1] if hasattr(mqtt, "CallbackAPIVersion") else []
transport = "websockets" if scheme in ("ws", "wss") else "tcp"
client = mqtt.Client(*callbacks, client_id=device_id, protocol=mqtt.MQTTv311, transport=transport)
client.username_pw_set(key, secret)
if scheme in ("mqtts", "wss"):
    client.tls_set(os.environ["CA_FILE"])


def on_connect(_client, _data, _flags, code):
    if code != 0:
        sys.exit(f"CONNACK {code}")
    client.subscribe(f"losant/{device_id}/command")
    client.publish(f"losant/{device_id}/state", state, qos=1)


def on_message(_client, _data, message):
    print(json.dumps({"event": "command", "topic": message.topic, "payload": message.payload.decode()}), flush=True)
    client.disconnect()


client.on_connect = on_connect
client.on_message = on_message
client.connect(urlsplit(url).hostname, port, keepalive=15)
client.loop_forever()
