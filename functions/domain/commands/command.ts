/**
 * What a decision may ask for. Commands are data; platform/reconcile/apply.ts is the only interpreter. Applying a command twice
 * is harmless: applies carry the resourceVersion that they were decided from, creates have derived names, runs are
 * guarded by identity, not-after and tombstone inside the pod.
 */
import type { OwnEvent } from '../events/cloud-event.ts';
import type { PgBackupStatus, PgManagerStatus } from '../resources/crds.generated.ts';
import type { Manifest } from '../resources/manifest.ts';
import type { RunKind, StartRequest } from '../run/protocol.ts';
import type { Timer } from '../events/timer.ts';

/** Which incarnation of an object a write is meant for. */
export interface Incarnation {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
}

export interface PodRef {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

type StatusOfKind =
  | { readonly kind: 'PgManager'; readonly status: PgManagerStatus }
  | { readonly kind: 'PgBackup'; readonly status: PgBackupStatus };

export type Command =
  /** Server-side apply of a status; `status` has all fields of this field manager. */
  | ({ readonly type: 'applyStatus'; readonly target: Incarnation; readonly fieldManager: string } & StatusOfKind)
  | { readonly type: 'createBackup'; readonly backup: Manifest }
  | { readonly type: 'removeBackup'; readonly target: Omit<Incarnation, 'resourceVersion'> }
  | { readonly type: 'applyTimer'; readonly timer: Timer }
  | { readonly type: 'removeTimer'; readonly namespace: string; readonly name: string }
  /** A Kubernetes Event; its name is derived, so a second one is refused as AlreadyExists. */
  | { readonly type: 'recordEvent'; readonly event: Manifest }
  /**
   * CloudEvents to K_SINK, and what to do once all of them are accepted (recording that they were announced). A sink
   * that is down stops only `then`, never the other commands.
   */
  | { readonly type: 'post'; readonly events: readonly OwnEvent[]; readonly then: readonly Command[] }
  | { readonly type: 'start'; readonly pod: PodRef; readonly request: StartRequest }
  | {
      readonly type: 'stop';
      readonly pod: PodRef;
      readonly kind: RunKind;
      readonly id: string;
      readonly directory: string;
    }
  | {
      readonly type: 'prune';
      readonly pod: PodRef;
      readonly directory: string;
      /** `name` is that of a PgBackup; a rotation's run has none. */
      readonly runs: readonly { readonly id: string; readonly name?: string }[];
    };

/** What is done now and what comes next. `reason` is a constant for machines, `message` one line for people. */
export interface Decision {
  readonly commands: readonly Command[];
  /**
   * `done`: nothing more to do now. `again`: start the next round at once, because these commands change the situation.
   * `wait`: something is in progress in the pod; poll it. `waitOrRetry`: the same, but nothing else wakes the function for
   * it, so the event has to come again when this activation ends first. `retry`: the event has to come again (503).
   */
  readonly next: 'done' | 'again' | 'wait' | 'waitOrRetry' | 'retry';
  /** With `wait`: after how many seconds to poll; 1 when absent. */
  readonly waitSeconds?: number;
  readonly reason: string;
  readonly message: string;
}
