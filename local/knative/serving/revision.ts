/** What of a Knative Service makes its process; any change of it is a new revision. */
import type { Container, KnativeService } from '../core/objects.ts';

/** How one generation of a function is run. */
export interface Revision {
  /** Two revisions with one fingerprint are the same. */
  readonly fingerprint: string;
  readonly image: string;
  /** Command and arguments as one, as the container runtime joins them. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly serviceAccountName: string;
  /** Requests at a time; 0 is no limit. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** At least this long without a request before the process ends. */
  readonly windowMs: number;
  /** Path of the HTTP readiness probe. */
  readonly readinessPath: string;
}

const defaultTimeoutSeconds = 300;
const defaultWindowMs = 60_000;
const durationUnits: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000 };

/** Reads the template of a Service; `bound` are the variables that SinkBindings add. Throws on what is not understood. */
export function revisionOf(service: KnativeService, bound: Readonly<Record<string, string>>): Revision {
  const { metadata, spec } = service.spec.template;
  const container = onlyContainer(spec.containers);
  const { serviceAccountName = 'default', containerConcurrency = 0, timeoutSeconds = defaultTimeoutSeconds } = spec;
  return {
    // The whole template counts, as in Knative: a changed label there is a new revision too.
    fingerprint: JSON.stringify([service.metadata.uid, service.spec.template, bound]),
    image: container.image,
    command: commandOf(container),
    env: { ...environmentOf(container), ...bound },
    serviceAccountName,
    concurrency: containerConcurrency,
    timeoutMs: timeoutSeconds * 1_000,
    windowMs: goDuration(metadata?.annotations?.['autoscaling.knative.dev/window']) ?? defaultWindowMs,
    readinessPath: readinessPathOf(container),
  };
}

function onlyContainer([container, ...more]: readonly Container[]): Container {
  if (container === undefined || more.length > 0) throw new Error('only Services with exactly one container are run');
  return container;
}

function commandOf({ command = [], args = [] }: Container): readonly string[] {
  return [...command, ...args];
}

function readinessPathOf({ readinessProbe }: Container): string {
  if (readinessProbe?.httpGet === undefined) throw new Error('only a Service with an HTTP readiness probe is run');
  return readinessProbe.httpGet.path ?? '/';
}

function environmentOf({ env = [], envFrom = [] }: Container): Record<string, string> {
  if (envFrom.length > 0) throw new Error('envFrom is not understood');
  return Object.fromEntries(
    env.map(({ name, value = '', valueFrom }) => {
      if (valueFrom !== undefined) throw new Error(`valueFrom of variable ${name} is not understood`);
      return [name, value];
    }),
  );
}

/** Go's `1m30s` in milliseconds. */
function goDuration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([hms])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) throw new Error(`"${text}" is no duration`);
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (durationUnits[unit!] ?? 0), 0);
}
