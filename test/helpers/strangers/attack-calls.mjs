/** Calls that are passed on, with forged tokens: uploads of many megabytes, and event streams. */
import { forgedToken, jsonRequest } from './forged.mjs';
import { Sending, sendAtPace } from './sending.mjs';
import { crowdOf } from './stranger.mjs';

const UPLOAD_BYTES = 32 * 2 ** 20;
const UPLOADS = 40;
const BYTES_PER_SECOND = { short: 8 * 2 ** 20, long: 12 * 2 ** 20 };
const STREAMS = { short: 100, long: 200 };

class Upload {
  sending = new Sending();

  constructor(device) {
    this.device = device;
  }

  onConnect(stranger) {
    this.sending.begin(UPLOAD_BYTES);
    const path = `/applications/${this.device.applicationId}/files`;
    stranger.say(jsonRequest(path, forgedToken(this.device.deviceId), '', UPLOAD_BYTES));
  }
}

class Stream {
  constructor(device) {
    this.device = device;
  }

  onConnect(stranger) {
    const { applicationId, deviceId } = this.device;
    const start = `GET /applications/${applicationId}/devices/${deviceId}/stateStream HTTP/1.1\r\nHost: proxy\r\n`;
    stranger.say(`${start}Authorization: Bearer ${forgedToken(deviceId)}\r\n\r\n`);
  }

  /** What is answered is over, and the connection kept for another call: it makes a new one for it. */
  onData(stranger) {
    stranger.socket.end();
  }
}

export const UPLOADS_PASSED = {
  name: 'uploads',
  start(world, tally) {
    const { devices, form } = world;
    const crowd = crowdOf(UPLOADS, { ...world, tally }, (index) => new Upload(devices[index % devices.length]));
    const stop = sendAtPace(crowd, BYTES_PER_SECOND[form]);
    return () => {
      stop();
      for (const stranger of crowd) stranger.close();
    };
  },
};
export const STREAMS_PASSED = {
  name: 'streams',
  start(world, tally) {
    const { devices, form } = world;
    const crowd = crowdOf(STREAMS[form], { ...world, tally }, (index) => new Stream(devices[index % devices.length]));
    return () => {
      for (const stranger of crowd) stranger.close();
    };
  },
};
