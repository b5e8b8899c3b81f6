import { randomBytes } from 'node:crypto';
import { PartitionLogs } from '../../src/cluster/log/partition-reading.js';
import { PartitionWriter } from '../../src/cluster/log/partition-writer.js';
import { partsOf } from '../../src/cluster/log/record-parts.js';
import { NatsKeepStream } from '../../src/cluster/nats/keep-stream.js';
import { NatsLink } from '../../src/cluster/nats/link.js';
import { appendTo } from '../../src/cluster/nats/publishing.js';
import { StreamMessages } from '../../src/cluster/nats/stream-messages.js';
import { prepareStreams } from '../../src/cluster/nats/streams.js';
import { INTAKE_STREAM, intakeSubject } from '../../src/cluster/subjects.js';
import { WRITER_BYTES } from '../../src/state/record-writer.js';
import { NatsServers } from '../helpers/nats-servers.js';
import { atEnd } from '../helpers/test-scope.js';
import type { PartitionStreams } from './partition/partition-site.js';

/** More than there are tests in a file: each takes a partition that nothing is in. */
const PARTITIONS = 1_000;

/** Servers with our streams, of which each test takes partitions of its own. */
export class SharedStreams {
  readonly servers: NatsServers;
  readonly #link: NatsLink;
  readonly #keep: NatsKeepStream;
  #taken = 0;

  private constructor(servers: NatsServers, link: NatsLink, keep: NatsKeepStream) {
    this.servers = servers;
    this.#link = link;
    this.#keep = keep;
  }

  static async start(count: 1 | 3): Promise<SharedStreams> {
    const servers = await NatsServers.start({ count });
    const link = await NatsLink.open({ urls: servers.urls, name: 'test' });
    atEnd(() => link.close());
    await prepareStreams(link, { partitions: PARTITIONS, replicas: count, maxIntakeBytes: 2 ** 28 });
    return new SharedStreams(servers, link, await NatsKeepStream.open(link));
  }

  takePartition(): PartitionStreams {
    const partition = this.#taken++;
    const link = this.#link;
    const writer = new PartitionWriter({
      writer: randomBytes(WRITER_BYTES).toString('hex'),
      publish: (payload) => appendTo(link, { subject: intakeSubject(partition), payload }),
    });
    // One after the other: what is written at once would be joined to one record.
    let tail: Promise<number> = Promise.resolve(0);
    return {
      partition,
      keep: this.#keep,
      intake: new PartitionLogs(new StreamMessages(link, INTAKE_STREAM)),
      append: (record) => {
        const [part] = partsOf(Uint8Array.from(record), 1).values();
        tail = tail.then((last) => (part === undefined ? last : writer.append(part)));
        return tail;
      },
    };
  }
}
