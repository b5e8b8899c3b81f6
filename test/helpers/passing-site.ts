import type { RequestListener } from 'node:http';
import { type Answering, RecordingCloud } from './recording-cloud.js';
import { type RunningProxy, startProxy } from './running-proxy.js';
import { temporaryDirectory } from './temporary-directory.js';
import { atEnd } from './test-scope.js';

export interface PassingSite {
  readonly cloud: RecordingCloud;
  readonly proxy: RunningProxy;
  /** Port of the device side. */
  readonly port: number;
}

export interface PassingSiteOptions {
  readonly answer?: Answering;
  readonly onRequest?: RequestListener;
  readonly env?: Readonly<Record<string, string>>;
}

/** A cloud that a test scripts, and the built proxy in front of it; both gone when the running test is over. */
export async function openPassingSite({ env, ...options }: PassingSiteOptions = {}): Promise<PassingSite> {
  const cloud = await RecordingCloud.open(options);
  const proxy = await startProxy({ upstreamUrl: cloud.url, dataDir: temporaryDirectory(), ...(env && { env }) });
  atEnd(() => proxy.kill());
  return { cloud, proxy, port: Number(new URL(proxy.url).port) };
}
