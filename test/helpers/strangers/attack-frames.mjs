/**
 * Frames that are never finished: each of the largest size that the library takes, all of it sent but its last byte. On
 * the sockets of devices and of gateways; with forged tokens, with genuine ones that may only read, and with good ones of
 * another device.
 */
import { forgedToken, frameHead, gatewayPath, statePath, upgradeRequest } from './forged.mjs';
import { Sending, sendAtPace } from './sending.mjs';
import { crowdOf } from './stranger.mjs';

const FRAME_BYTES = 2 * 1024 * 1024 - 1;
const SOCKETS = { short: 180, long: 350 };
const BYTES_PER_SECOND = { short: 24 * 2 ** 20, long: 12 * 2 ** 20 };

class UnfinishedFrame {
  sending = new Sending();

  /** @param isHasty whether it sends the frame without waiting for the answer to its opening handshake */
  constructor(path, nextToken, isHasty) {
    this.path = path;
    this.nextToken = nextToken;
    this.isHasty = isHasty;
  }

  onConnect(stranger) {
    this.sending.begin(0);
    stranger.say(upgradeRequest(this.path, this.nextToken()));
    if (this.isHasty) this.#begin(stranger);
  }

  onData(stranger, bytes) {
    if (!this.isHasty && bytes.toString('latin1', 9, 12) === '101') this.#begin(stranger);
  }

  #begin(stranger) {
    stranger.say(frameHead(FRAME_BYTES));
    this.sending.begin(FRAME_BYTES - 1);
  }
}

function unfinishedFrames(pathOf, world, tally) {
  const { devices, tokens } = world;
  const next = (list) => list[Math.floor(Math.random() * list.length)];
  const kinds = [() => forgedToken(next(devices).deviceId), () => next(tokens.readOnly), () => next(tokens.foreign)];
  const crowd = crowdOf(SOCKETS[world.form], { ...world, tally }, (index) => {
    const target = devices[index % devices.length];
    return new UnfinishedFrame(pathOf(target), kinds[index % kinds.length], index % 5 === 0);
  });
  const stop = sendAtPace(crowd, BYTES_PER_SECOND[world.form]);
  return () => {
    stop();
    for (const stranger of crowd) stranger.close();
  };
}

export const GATEWAY_FRAMES = {
  name: 'gateway-frames',
  start: (world, tally) => unfinishedFrames(gatewayPath, world, tally),
};
export const DEVICE_FRAMES = {
  name: 'device-frames',
  start: (world, tally) => unfinishedFrames(statePath, world, tally),
};
