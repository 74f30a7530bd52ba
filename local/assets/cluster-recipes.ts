/** What a whole cluster runs beside the API server: the parts of a node, and Knative. */
import type { GoRecipe } from './go-recipe.ts';
import { knativeVersion, kubernetesFlags, kubernetesVersion } from './versions.ts';

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

type KubernetesProgramName = (typeof kubernetesPrograms)[number];
type KnativeProgramName = keyof typeof knativePackages;

/** Name of a program that only a whole cluster needs. */
export type ClusterProgramName = KubernetesProgramName | KnativeProgramName;

/** One recipe a program. */
export const clusterRecipes = {
  ...mapNames(kubernetesPrograms, (name) => ({
    version: kubernetesVersion,
    folder: 'kubernetes-node',
    package: `k8s.io/kubernetes/cmd/${name}`,
    cgo: false,
    linkerFlags: kubernetesFlags,
    usual: '0.5 to 5 min',
  })),
  ...mapNames(Object.keys(knativePackages) as KnativeProgramName[], (name) => ({
    version: knativeVersion,
    folder: 'knative-cluster',
    package: knativePackages[name],
    cgo: false,
    linkerFlags: [],
    usual: '0.1 to 4 min',
  })),
};

function mapNames<T extends string>(names: readonly T[], recipe: (name: T) => GoRecipe): Record<T, GoRecipe> {
  return Object.fromEntries(names.map((name) => [name, recipe(name)])) as Record<T, GoRecipe>;
}
