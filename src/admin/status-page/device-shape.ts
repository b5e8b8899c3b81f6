/**
 * What is told of single devices, in plain JSON: `GET /status/devices` and what is below it. As `status-shape.ts`, the server
 * and the browser share it.
 */

import type { RecentRefusal, Transport, Trouble, TroubledDevice } from './status-shape.js';

/** A right to send, without its token. */
export interface GrantFacts {
  /** How the cloud has shown it: it let the token read the device, a log-in brought it, or it took a state. */
  readonly kind: 'read' | 'log-in' | 'first state';
  /** Unless 'yes', nothing is taken or sent with it. */
  readonly maySend: 'yes' | 'no' | 'unknown';
  /** When the cloud last said yes. */
  readonly confirmedAt: string;
  /** When the token itself ends; null where it does not say. */
  readonly expiresAt: string | null;
  /** Until when it is good while the cloud cannot be asked again. */
  readonly lapsesAt: string;
}

/** The body of `GET /status/devices/{deviceId}`. */
export interface DeviceFacts {
  /** By the proxy's clock. */
  readonly now: string;
  readonly applicationId: string;
  readonly deviceId: string;
  /** In the cloud; null where no check of a grant has brought it. Hostile text. */
  readonly name: string | null;
  readonly waiting: {
    readonly states: number;
    /** About. */
    readonly bytes: number;
    /** null when none waits. */
    readonly oldestSeconds: number | null;
  };
  /** When its last state was stored here; null where none was in this run. */
  readonly lastStateAt: string | null;
  /** The worst first; none when all is well. */
  readonly troubles: readonly TroubledDevice[];
  /** Its own of the last 10,000, by what the cloud said, the most first; five at most. */
  readonly deadLetters: readonly { readonly status: number; readonly reason: string; readonly letters: number }[];
  /** Of the last hour, the last one first. */
  readonly refusals: readonly RecentRefusal[];
  /** The newest first. */
  readonly grants: readonly GrantFacts[];
  /** Open ones that are its alone: one by HTTP may be anybody's, and a gateway's are none of its devices'. */
  readonly connections: Partial<Readonly<Record<Transport, number>>>;
  /** Whether the log follows its states on their way. */
  readonly isFollowed: boolean;
  /** Whether its last state can be asked for, and that be changed: where the admin side has a token. */
  readonly showsValues: boolean;
  /** What a form of this session's page has to bring beside the cookie; null for who shows the token itself. */
  readonly form: string | null;
}

/** A device that was found. */
export interface FoundDeviceFacts {
  readonly applicationId: string;
  readonly deviceId: string;
  readonly name: string | null;
  readonly waitingStates: number;
  readonly lastStateAt: string | null;
  readonly troubles: readonly Trouble[];
}

/** The body of `GET /status/devices`. */
export interface FoundDevices {
  /** How many there are. */
  readonly found: number;
  /** The first of them, fifty at most. */
  readonly listed: readonly FoundDeviceFacts[];
}

/** The body of `GET /status/devices/{deviceId}/last-state`. */
export interface LastStateFacts {
  /** As it is sent to the cloud; null until one comes. What the device says: hostile text. */
  readonly state: { readonly time: string; readonly data: Readonly<Record<string, unknown>> } | null;
}
