import type { MqttTrouble } from '../../core/device-report.js';
import type { MqttMeters } from '../../core/metering/meters.js';
import type { Clock } from '../../core/time/clock.js';
import type { Uplink, UplinkConnectResult, UplinkCounts, UplinkDevice, UplinkUser } from '../../core/uplink-ports.js';
import type { Broker, BrokerConnection, BrokerEnd, BrokerUser } from './broker.js';
import type { ConnectPace, Place } from './connect-pace.js';
import { PublishLine, type PublishRoom } from './publish-line.js';
import { areCredentialsRefused, ReconnectPause } from './reconnect-pause.js';

/** So long a session outlives its device: each connect and disconnect is one that the cloud counts (contract 1.9.7). */
const LINGER_MS = 10_000;
/** Changes of what is subscribed leave together, so often at most: each is a message to the broker, which counts them. */
const SUBSCRIBE_EVERY_MS = 1_000;
/** Of one that has none for so long somebody is told; before, it is as it must be. */
const IN_TROUBLE_AFTER_MS = 30_000;

/** So long before the cloud was found to be away a session may have been lost with it. */
const LOST_BEFORE_MS = 30_000;

/** What every session works with. */
export interface SessionContext {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly pace: ConnectPace;
  readonly room: PublishRoom;
  readonly meters: MqttMeters;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** A connection was made, or why none was. */
  readonly onConnect: (result: UplinkConnectResult, words: string) => void;
  /** The broker does not grant what was granted here: told once for each session and filter. */
  readonly onDenied: (deviceId: string, filter: string) => void;
  /** Called once; nothing of the session is left. */
  readonly onEnded: (session: UplinkSession) => void;
}

/**
 * - `idle`: there is nothing to connect for
 * - `waiting`: for its turn
 * - `connecting`, `connected`
 * - `backoff`, `refused`: the connection has ended, and there will be another after a pause
 * - `ended`
 */
type Phase = 'idle' | 'waiting' | 'connecting' | 'connected' | 'backoff' | 'refused' | 'ended';

const COUNTED_AS: Readonly<Partial<Record<Phase, keyof UplinkCounts>>> = {
  waiting: 'waiting',
  connecting: 'waiting',
  connected: 'connected',
  backoff: 'backoff',
  refused: 'refused',
};

const WORDS: Readonly<Partial<Record<Phase, string>>> = {
  waiting: "it waits for its turn at the cloud's broker",
  connecting: "the cloud's broker has not answered yet",
  backoff: "the cloud's broker is tried again",
  refused: "the cloud's broker refuses its key, and is tried again",
};

/** The session of one device at the cloud's broker, over as many connections as it takes (contract 1.9.7). */
export class UplinkSession implements BrokerUser {
  readonly device: UplinkDevice;
  readonly #context: SessionContext;
  readonly #publishes: PublishLine;
  readonly #pause: ReconnectPause;
  /** What the device wants, and what the broker was asked for on this connection. */
  readonly #wanted = new Set<string>();
  readonly #held = new Set<string>();
  readonly #denied = new Set<string>();
  #phase: Phase = 'idle';
  /** The part that counts; undefined while the device is gone. */
  #attached: UplinkUser | undefined = undefined;
  #connection: BrokerConnection | undefined = undefined;
  #place: Place | undefined = undefined;
  /** Monotonic. */
  #openedAtMs = 0;
  /** Since when there is something to connect for, and no connection; monotonic. */
  #missingSinceMs = 0;
  /** Why the last connection has ended, or has not come about; '' while there was none. */
  #lastEnd = '';
  #subscribedAtMs = Number.NEGATIVE_INFINITY;
  /** Until then what a device before this one had subscribed is kept: it will most likely subscribe to it again. */
  #keepsUntilMs = Number.NEGATIVE_INFINITY;
  /** Of the phase; while it is `waiting`, that it is given up. */
  #cancelPhase: () => void = () => {};
  #cancelLinger: () => void = () => {};
  #cancelSubscribe: (() => void) | undefined = undefined;

  constructor(context: SessionContext, device: UplinkDevice) {
    this.device = device;
    this.#context = context;
    this.#publishes = new PublishLine(context.clock, context.meters.publishes, context.room);
    this.#pause = new ReconnectPause(context.random);
  }

  /** What it counts as; undefined for one that has nothing to do. */
  get state(): keyof UplinkCounts | undefined {
    return COUNTED_AS[this.#phase];
  }

  /** Whether these are the credentials that it logs in with. */
  isOf({ key, secret }: UplinkDevice): boolean {
    return key === this.device.key && secret === this.device.secret;
  }

  /** What is not well with it; undefined where all is, and where its device is gone. */
  trouble(): MqttTrouble | undefined {
    const { clock } = this.#context;
    if (this.#attached === undefined || this.state === undefined) return undefined;
    const { deviceId } = this.device;
    if (this.#phase === 'connected') {
      const filter = [...this.#denied].find((denied) => this.#wanted.has(denied));
      if (filter === undefined) return undefined;
      const words = `the cloud's broker does not grant it "${filter}"`;
      return { deviceId, kind: 'denied_filter', words, atMs: clock.wallMs() };
    }
    const forMs = clock.monotonicMs() - this.#missingSinceMs;
    if (forMs < IN_TROUBLE_AFTER_MS) return undefined;
    const last = this.#lastEnd === '' ? '' : `; the last time: ${this.#lastEnd}`;
    return { deviceId, kind: 'no_session', words: `${WORDS[this.#phase]}${last}`, atMs: clock.wallMs() - forMs };
  }

  /** Makes somebody its user, in the place of whoever was. */
  attach(user: UplinkUser): Uplink {
    this.#cancelLinger();
    this.#attached = user;
    this.#wanted.clear();
    this.#keepsUntilMs = this.#context.clock.monotonicMs() + LINGER_MS;
    this.#subscribeSoon();
    const isCurrent = (): boolean => this.#attached === user && this.#phase !== 'ended';
    return {
      subscribe: (filters) => {
        if (isCurrent()) this.#want(filters);
      },
      unsubscribe: (filters) => {
        for (const filter of filters) if (isCurrent()) this.#wanted.delete(filter);
        this.#keepsUntilMs = Number.NEGATIVE_INFINITY;
        this.#subscribeSoon();
      },
      publish: (topic, payload, qos) => {
        if (isCurrent()) this.#publish(topic, payload, qos);
        else this.#context.meters.publishes.unavailable++;
      },
      release: () => {
        if (isCurrent()) this.#linger();
      },
    };
  }

  /** The cloud is back: what was lost with it takes its turn at once, since its pause was for no ban. */
  cloudIsBack(lostAtMs: number): void {
    if (this.#phase !== 'backoff' || this.#missingSinceMs < lostAtMs - LOST_BEFORE_MS) return;
    this.#cancelPhase();
    this.#onPauseOver();
  }

  /** Ends it, with its connection. */
  end(): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    this.#attached = undefined;
    this.#cancelPhase();
    this.#cancelLinger();
    this.#cancelSubscribe?.();
    this.#publishes.close();
    this.#connection?.end();
    this.#place?.leave();
    this.#context.onEnded(this);
  }

  onOpen(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'connected';
    this.#openedAtMs = this.#context.clock.monotonicMs();
    this.#place?.settle();
    this.#context.onConnect('accepted', '');
    this.#subscribedAtMs = Number.NEGATIVE_INFINITY;
    this.#subscribe();
    this.#publishes.open(this.#connection as BrokerConnection);
  }

  onMessage(topic: string, payload: Uint8Array): void {
    this.#attached?.onMessage(topic, payload);
  }

  onDenied(filter: string): void {
    if (this.#denied.has(filter)) return;
    this.#denied.add(filter);
    this.#context.onDenied(this.device.deviceId, filter);
  }

  onClosed(end: BrokerEnd): void {
    if (this.#phase === 'ended') return;
    const wasOpen = this.#phase === 'connected';
    const lastedMs = wasOpen ? this.#context.clock.monotonicMs() - this.#openedAtMs : 0;
    this.#connection = undefined;
    this.#place?.leave();
    this.#place = undefined;
    this.#held.clear();
    this.#cancelSubscribe?.();
    this.#cancelSubscribe = undefined;
    this.#publishes.close();
    this.#lastEnd = wordsOf(end);
    if (wasOpen) this.#missingSinceMs = this.#context.clock.monotonicMs();
    else this.#context.onConnect(resultOf(end), this.#lastEnd);
    const areRefused = areCredentialsRefused(end);
    this.#phase = areRefused ? 'refused' : 'backoff';
    this.#cancelPhase = this.#context.clock.schedule(this.#pause.next(end, lastedMs), () => this.#onPauseOver());
    if (areRefused) this.#attached?.onRefused();
  }

  #want(filters: readonly string[]): void {
    for (const filter of filters) this.#wanted.add(filter);
    this.#subscribeSoon();
    if (this.#phase === 'idle') this.#waitForTurn();
  }

  #publish(topic: string, payload: Uint8Array, qos: 0 | 1): void {
    if (this.#phase === 'backoff' || this.#phase === 'refused') {
      this.#context.meters.publishes.unavailable++;
      return;
    }
    this.#publishes.add(topic, payload, qos);
    if (this.#phase === 'idle') this.#waitForTurn();
  }

  #waitForTurn(): void {
    if (this.#phase === 'idle') this.#missingSinceMs = this.#context.clock.monotonicMs();
    this.#phase = 'waiting';
    // The turn may come within the call.
    let cancel = (): void => {};
    this.#cancelPhase = () => cancel();
    cancel = this.#context.pace.wait(this.device.applicationId, (place) => {
      this.#place = place;
      this.#phase = 'connecting';
      this.#connection = this.#context.broker.connect(this.device, this);
    });
  }

  #onPauseOver(): void {
    // The device has not come back: what was known of its failures is of no use any more.
    if (this.#attached === undefined) this.end();
    else if (this.#wanted.size > 0) this.#waitForTurn();
    else this.#phase = 'idle';
  }

  #linger(): void {
    this.#attached = undefined;
    this.#cancelLinger = this.#context.clock.schedule(LINGER_MS, () => {
      // A device that comes and goes does not come round its pause.
      if (this.#phase !== 'backoff' && this.#phase !== 'refused') this.end();
    });
  }

  #subscribeSoon(): void {
    if (this.#phase !== 'connected') return;
    // What waits may be for later: something that a device before this one had subscribed.
    this.#cancelSubscribe?.();
    const dueMs = Math.max(0, this.#subscribedAtMs + SUBSCRIBE_EVERY_MS - this.#context.clock.monotonicMs());
    this.#cancelSubscribe = this.#context.clock.schedule(dueMs, () => this.#subscribe());
  }

  /** Has the broker know what is wanted. */
  #subscribe(): void {
    this.#cancelSubscribe = undefined;
    const { clock } = this.#context;
    const nowMs = clock.monotonicMs();
    const missing = [...this.#wanted].filter((filter) => !this.#held.has(filter));
    const surplus = [...this.#held].filter((filter) => !this.#wanted.has(filter));
    const keepsForMs = this.#keepsUntilMs - nowMs;
    if (missing.length > 0) {
      this.#connection?.subscribe(missing);
      this.#subscribedAtMs = nowMs;
      for (const filter of missing) this.#held.add(filter);
    }
    if (surplus.length === 0) return;
    if (keepsForMs > 0) {
      this.#cancelSubscribe = clock.schedule(keepsForMs, () => this.#subscribe());
      return;
    }
    this.#connection?.unsubscribe(surplus);
    this.#subscribedAtMs = nowMs;
    for (const filter of surplus) this.#held.delete(filter);
  }
}

function resultOf(end: BrokerEnd): UplinkConnectResult {
  if (areCredentialsRefused(end)) return 'credentials';
  return end.kind === 'unreachable' ? 'unreachable' : 'refused';
}

function wordsOf(end: BrokerEnd): string {
  if (end.kind === 'unreachable') return end.words;
  if (end.kind === 'refused') return `CONNACK ${end.code}`;
  return end.kind === 'lost' ? 'the connection was lost' : 'the connection is closed instead of CONNACK';
}
