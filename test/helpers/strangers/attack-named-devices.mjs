/** Frames of a gateway's socket that name 5,000 devices each, with a forged token. */
import { forgedId, forgedToken, frameHead, gatewayPath, upgradeRequest } from './forged.mjs';
import { crowdOf } from './stranger.mjs';

const NAMED = 5_000;
const SOCKETS = 6;
const FRAME_EVERY_MS = 1_000;
/** A token lasts for as many frames, so that what is known of it by then counts. */
const FRAMES_A_TOKEN = 6;

class ManyNames {
  #isOpen = false;
  #frames = 0;

  constructor(device) {
    this.device = device;
  }

  onConnect(stranger) {
    this.#isOpen = false;
    this.#frames = 0;
    stranger.say(upgradeRequest(gatewayPath(this.device), forgedToken(this.device.deviceId)));
  }

  onData(_stranger, bytes) {
    if (bytes.toString('latin1', 9, 12) === '101') this.#isOpen = true;
  }

  goOn(stranger) {
    if (!this.#isOpen || !stranger.isReady) return;
    if (this.#frames++ === FRAMES_A_TOKEN) {
      stranger.socket.destroy();
      return;
    }
    const named = Array.from({ length: NAMED }, () => `{"deviceId":"${forgedId()}","data":{"f":1}}`);
    const frame = Buffer.from(`[${named.join(',')}]`);
    stranger.say(frameHead(frame.length));
    stranger.say(frame);
  }
}

export const NAMED_DEVICES = {
  name: 'named-devices',
  start(world, tally) {
    const { devices } = world;
    const crowd = crowdOf(SOCKETS, { ...world, tally }, (index) => new ManyNames(devices[index % devices.length]));
    let turn = 0;
    const timer = setInterval(() => {
      const stranger = crowd[turn++ % crowd.length];
      stranger.manner.goOn(stranger);
    }, FRAME_EVERY_MS / 2);
    return () => {
      clearInterval(timer);
      for (const stranger of crowd) stranger.close();
    };
  },
};
