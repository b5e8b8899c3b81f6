import { describe, expect, it } from 'vitest';
import { PublishQueue } from '../../../src/front/mqtt/publish-queue.js';
import { MqttSite } from './mqtt-site.js';

const NOBODY = { onRefused() {}, onAnswered() {}, onStalled() {}, onRoom() {} };
const CHUNK_BYTES = 65_536;

function queueOf(site: MqttSite): PublishQueue {
  return new PublishQueue(site.context, NOBODY, 'mqtt');
}

describe('a publish behind one that waits', () => {
  it('keeps its place and no payload, once it needs nothing more', () => {
    const site = new MqttSite();
    const queue = queueOf(site);
    const chunk = new Uint8Array(CHUNK_BYTES);
    queue.wait(queue.add(1, 1, chunk.subarray(0, 100)));
    const behind = queue.add(1, 2, chunk.subarray(100, 60_000));
    queue.finish(behind);
    expect([queue.size, behind.payload.buffer.byteLength]).toEqual([2, 0]);
    expect(site.context.front.admission.bytes).toBeLessThan(1_000);
    queue.close();
  });

  it('counts as what it takes until it is answered too', () => {
    const site = new MqttSite();
    const queue = queueOf(site);
    const waiting = queue.add(1, 1, new Uint8Array(100));
    for (let id = 2; id <= 101; id++) queue.finish(queue.add(1, id, new Uint8Array(10)));
    expect(site.context.front.admission.bytes).toBeGreaterThan(100 * 100);
    queue.finish(waiting);
    expect([queue.size, site.context.front.admission.bytes]).toEqual([0, 0]);
    queue.close();
  });
});

it('keeps nothing of the chunk that one came in, while that has to wait', () => {
  const queue = queueOf(new MqttSite());
  const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
  const publish = queue.add(1, 1, chunk.subarray(10, 110));
  expect(publish.payload.buffer).toBe(chunk.buffer);
  queue.wait(publish);
  expect(publish.payload).toEqual(new Uint8Array(100).fill(7));
  expect(publish.payload.buffer.byteLength).toBe(100);
  queue.close();
});

it('counts what it gives up when its connection ends', async () => {
  const site = new MqttSite();
  const queue = queueOf(site);
  queue.wait(queue.add(0, 0, new Uint8Array(10)));
  queue.store(queue.add(0, 0, new Uint8Array(10)), site.know());
  const body = await site.intake.nextBody();
  queue.close();
  expect(site.meters.mqtt.publishes).toMatchObject({ unavailable: 1, state: 0 });
  body.store();
  expect(site.meters.mqtt.publishes).toMatchObject({ unavailable: 1, state: 1 });
});
