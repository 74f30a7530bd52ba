/** The controllers of kube-controller-manager and kube-scheduler that we need, as far as we need them. */
import { runGarbageCollector } from './garbage.ts';
import { runNamespaces } from './namespaces.ts';
import type { Placement } from './statefulset-pods.ts';
import { runStatefulSets, type Controller, type ControllerParts } from './statefulsets.ts';

/** Starts all of them. */
export function startControllers(parts: ControllerParts, place: Placement): Controller {
  const controllers = [runNamespaces(parts), runStatefulSets(parts, place), runGarbageCollector(parts)];
  return {
    async stop() {
      await Promise.all(controllers.map((one) => one.stop()));
    },
  };
}
