/** Versions that several recipes share. */

/** The release of Kubernetes, API server and node alike. */
export const kubernetesVersion = 'v1.34.4';

/** Without these a program says that it is v0.0.0. */
export const kubernetesFlags: readonly string[] = [
  `-X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
  '-X k8s.io/component-base/version.gitMajor=1',
  '-X k8s.io/component-base/version.gitMinor=34',
];

/** The release of Knative that tests compare with, eventing and serving alike. */
export const knativeVersion = 'v0.48.2';
