/** SinkBinding: gives Knative Services the address of a sink as `K_SINK`. */
import type { Context } from '../core/context.ts';
import { resolve } from '../core/destination.ts';
import { selects } from '../../kubernetes/client/selector.ts';
import type { KnativeService, SinkBinding } from '../core/objects.ts';
import { writeStatus } from '../core/status.ts';

/** Writes what each binding resolves to. */
export async function reconcileSinkBindings(context: Context): Promise<void> {
  for (const binding of context.world.sinkBindings.values()) {
    const sinkUri = sinkOf(context, binding);
    const message = `the sink ${JSON.stringify(binding.spec.sink)} has no address`;
    const problem = sinkUri === undefined ? { reason: 'SinkNotFound', message } : undefined;
    await writeStatus(context, 'sinkBindings', binding, { problem, fields: { sinkUri } });
  }
}

/** The variables that bindings add to the container of a Service; Knative's webhook injects them the same way. */
export function boundEnvironment(context: Context, service: KnativeService): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const binding of context.world.sinkBindings.values()) {
    const sinkUri = isSubject(binding, service) ? sinkOf(context, binding) : undefined;
    if (sinkUri === undefined) continue;
    environment['K_SINK'] = sinkUri;
    const overrides = binding.spec.ceOverrides;
    if (overrides !== undefined) environment['K_CE_OVERRIDES'] = JSON.stringify(overrides);
  }
  return environment;
}

function sinkOf(context: Context, binding: SinkBinding): string | undefined {
  return resolve(binding.spec.sink, binding.metadata.namespace, context.addresses);
}

function isSubject({ spec, metadata }: SinkBinding, service: KnativeService): boolean {
  const { subject } = spec;
  if (subject.kind !== service.kind || subject.apiVersion !== service.apiVersion) return false;
  if ((subject.namespace ?? metadata.namespace) !== service.metadata.namespace) return false;
  if (subject.name !== undefined) return subject.name === service.metadata.name;
  return subject.selector !== undefined && selects(subject.selector, service.metadata.labels);
}
