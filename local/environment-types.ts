/** What an environment is started with, and what it offers. */
import type { Kube } from '../functions/platform/kubernetes/client.ts';
import type { Assets } from './assets/index.ts';
import type { EventingOptions, FunctionState, TraceEvent } from './knative/index.ts';
import type { ApiClient } from './kubernetes/client/api-client.ts';
import type { Database } from './kubernetes/kubelet/databases.ts';
import type { Kubectl } from './machine/kubectl.ts';
import type { Progress } from './machine/progress.ts';

/** How to set up an environment. */
export interface EnvironmentOptions {
  /** Everything is written below it; emptied at the start, kept (logs) after the stop. */
  readonly dir: string;
  readonly progress?: Progress;
  /** Keep an audit log of the API server (`auditLogPath`). */
  readonly audit?: boolean;
  /** Run the four functions and the stand-ins for Knative; true by default. */
  readonly functions?: boolean;
  /** Takes events, deliveries and changes of processes, as they happen. */
  readonly trace?: (traceEvent: TraceEvent) => void;
  /** Aborts a set-up that is under way. */
  readonly signal?: AbortSignal;
  /** Kustomizations to apply, below the root of the repository; `crds` and `eventing` by default. */
  readonly manifests?: readonly string[];
  /** Passed on to the eventing stand-ins. */
  readonly eventing?: Pick<EventingOptions, 'faults' | 'pace'>;
}

/** A running environment. */
export interface Environment {
  readonly dir: string;
  readonly kubeConfigPath: string;
  readonly apiServerUrl: string;
  /** Member of system:masters. */
  readonly kube: Kube;
  /** Calls that `kube` does not offer. */
  readonly api: ApiClient;
  /** kubectl with the environment's kubeconfig. */
  readonly kubectl: Kubectl;
  /** Where the default Broker takes events; undefined without functions. */
  readonly brokerUrl: string | undefined;
  functions(): readonly FunctionState[];
  /** Kills the API server and starts it again; resolves when it is ready. */
  restartApiServer(): Promise<void>;
  /** Restarts the Broker, which is away for so many milliseconds; what it had not delivered is lost. */
  restartBroker(downMs: number): Promise<void>;
  /** Databases that run now, in the order of their pods' names. */
  databases(): readonly Database[];
  /** A directory that the database user may write to: meant as storage of wal-g, through a hostPath volume. */
  readonly storageDir: string;
  readonly walg: Assets['walg'];
  readonly kubectlPath: string;
  readonly kubeletPort: number;
  readonly auditLogPath: string | undefined;
  /** Ends everything that was started, by pid, in order. */
  stop(): Promise<void>;
}
