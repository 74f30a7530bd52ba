/** What a whole cluster runs beside the API server: the parts of a node, and Knative. There is no download of any of them. */
import { join } from 'node:path';
import type { GoRecipe } from '../../../local/assets/go-recipe.ts';
import { knativeVersion, kubernetesFlags, kubernetesVersion } from '../../../local/assets/versions.ts';

/** Programs of Kubernetes: folder `kubernetes-node`. */
const kubernetesPrograms = ['kube-controller-manager', 'kube-proxy', 'kube-scheduler', 'kubelet'] as const;

/** Program by name → Go package: folder `knative-cluster`. One module for all of them, so that they share one compilation. */
export const knativePackages = {
  bridge: 'github.com/containernetworking/plugins/plugins/main/bridge',
  'host-local': 'github.com/containernetworking/plugins/plugins/ipam/host-local',
  loopback: 'github.com/containernetworking/plugins/plugins/main/loopback',
  portmap: 'github.com/containernetworking/plugins/plugins/meta/portmap',
  coredns: './coredns',
  pause: './pause',
  'eventing-broker-filter': 'knative.dev/eventing/cmd/broker/filter',
  'eventing-broker-ingress': 'knative.dev/eventing/cmd/broker/ingress',
  'eventing-controller': 'knative.dev/eventing/cmd/controller',
  'eventing-channel-controller': 'knative.dev/eventing/cmd/in_memory/channel_controller',
  'eventing-channel-dispatcher': 'knative.dev/eventing/cmd/in_memory/channel_dispatcher',
  'eventing-broker-controller': 'knative.dev/eventing/cmd/mtchannel_broker',
  'eventing-webhook': 'knative.dev/eventing/cmd/webhook',
  kourier: 'knative.dev/net-kourier/cmd/kourier',
  'serving-activator': 'knative.dev/serving/cmd/activator',
  'serving-autoscaler': 'knative.dev/serving/cmd/autoscaler',
  'serving-controller': 'knative.dev/serving/cmd/controller',
  'serving-queue': 'knative.dev/serving/cmd/queue',
  'serving-webhook': 'knative.dev/serving/cmd/webhook',
} as const;

const adapters = ['apiserver_receive_adapter', 'mtping'] as const;

type KubernetesProgramName = (typeof kubernetesPrograms)[number];
type KnativeProgramName = keyof typeof knativePackages;

/** Name of an adapter of Knative Eventing. The contract tests compare the local environment with them. */
type AdapterName = (typeof adapters)[number];

/** Name of a program that is always built. */
export type ProgramName = KubernetesProgramName | KnativeProgramName | AdapterName;

/** One recipe for each program. */
export const clusterRecipes: Readonly<Record<ProgramName, GoRecipe>> = {
  ...mapNames(kubernetesPrograms, (name) => ({
    version: kubernetesVersion,
    folder: join(import.meta.dirname, 'kubernetes-node'),
    package: `k8s.io/kubernetes/cmd/${name}`,
    cgo: false,
    linkerFlags: kubernetesFlags,
    usual: '0.5 to 5 min',
  })),
  ...mapNames(adapters, (name) => ({
    version: knativeVersion,
    folder: join(import.meta.dirname, 'knative-eventing'),
    package: `knative.dev/eventing/cmd/${name}`,
    cgo: false,
    linkerFlags: [],
    usual: '1 to 5 min',
  })),
  ...mapNames(Object.keys(knativePackages) as KnativeProgramName[], (name) => ({
    version: knativeVersion,
    folder: join(import.meta.dirname, 'knative-cluster'),
    package: knativePackages[name],
    cgo: false,
    linkerFlags: [],
    usual: '0.1 to 4 min',
  })),
};

function mapNames<T extends string>(names: readonly T[], recipe: (name: T) => GoRecipe): Record<T, GoRecipe> {
  return Object.fromEntries(names.map((name) => [name, recipe(name)])) as Record<T, GoRecipe>;
}
