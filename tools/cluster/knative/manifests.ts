/** Knative's own manifests, out of its modules, made to fit a small node without a registry. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { imagePrefix } from '../layout.ts';
import { knativeImages, programImage } from '../images/programs.ts';

/** A Kubernetes object of any kind. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  [field: string]: unknown;
}

/** Directories of the modules' sources. */
export interface Sources {
  readonly eventing: string;
  readonly serving: string;
  readonly kourier: string;
  readonly networking: string;
  readonly caching: string;
}

/** Where manifests are, in the order in which they are applied. Symbolic links of the repositories are not in modules. */
export function manifestDirectories(sources: Sources): string[] {
  return [
    join(sources.eventing, 'third_party/eventing-integrations-latest'),
    ...['core', 'brokers/mt-channel-broker', 'channels/in-memory-channel'].map((part) =>
      join(sources.eventing, 'config', part),
    ),
    join(sources.caching, 'config'),
    join(sources.networking, 'config'),
    join(sources.serving, 'config/core'),
    join(sources.kourier, 'config'),
  ];
}

/** Sinks that nobody here uses, and what belongs to larger clusters. */
const unwantedFiles = /^(job-sink|request-reply)\.yaml$/;
const unwantedKinds = new Set(['HorizontalPodAutoscaler', 'PodDisruptionBudget']);

/** Every wanted object below these directories. */
export function readManifests(directories: readonly string[]): Manifest[] {
  return directories.flatMap(filesBelow).flatMap((path) =>
    parseAllDocuments(readFileSync(path, 'utf8'))
      .map((document) => document.toJS() as Manifest | null)
      .filter((object): object is Manifest => object !== null && !unwantedKinds.has(object.kind))
      .map((object) => adapt(object)),
  );
}

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.yaml') && !unwantedFiles.test(path.split('/').at(-1) ?? ''))
    .sort()
    .map((path) => join(dir, path));
}

/** Settings that differ from the shipped ones. */
const settings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'config-network': { 'ingress-class': 'kourier.ingress.networking.knative.dev' },
  // Scale-in is waited for by tests; the functions' own manifests set the window.
  'config-autoscaler': { 'scale-to-zero-grace-period': '6s' },
  'config-deployment': { 'registries-skipping-tag-resolving': imagePrefix, 'queue-sidecar-cpu-request': '10m' },
};

function adapt(manifest: Manifest): Manifest {
  const object = withoutReferences(manifest) as Manifest;
  if (object.kind === 'ConfigMap') addSettings(object);
  if (object.kind === 'Deployment') shrink(object as unknown as Deployment);
  return object;
}

/** Images are named `ko://<Go package>` in the sources, in environment variables and ConfigMaps, too. */
function withoutReferences(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith('ko://') ? imageOf(value.slice(5)) : value;
  if (Array.isArray(value)) return value.map(withoutReferences);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutReferences(each)]));
}

/** What is not built is of kinds that nobody here uses. */
function imageOf(goPackage: string): string {
  const [name] = Object.entries(knativeImages).find(([, each]) => each === goPackage) ?? [];
  return name === undefined ? `${imagePrefix}/absent:1` : programImage(name);
}

function addSettings(object: Manifest): void {
  const wanted = settings[object.metadata.name];
  if (wanted !== undefined) object['data'] = { ...(object['data'] as Record<string, string>), ...wanted };
}

interface Container {
  image: string;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
  lifecycle?: unknown;
  readinessProbe?: { initialDelaySeconds?: number; periodSeconds?: number };
}

interface Deployment {
  readonly spec: {
    readonly template: {
      readonly spec: { readonly containers: Container[]; terminationGracePeriodSeconds?: number };
    };
  };
}

/** The requests of all parts together are more than two cores; a cluster that lives for minutes needs no drain. */
function shrink({ spec }: Deployment): void {
  const pod = spec.template.spec;
  pod.terminationGracePeriodSeconds = 5;
  for (const container of pod.containers) {
    container.resources = { requests: { cpu: '10m', memory: '20Mi' } };
    delete container.lifecycle;
    if (container.image.includes('envoyproxy/envoy')) container.image = programImage('envoy');
    if (container.readinessProbe !== undefined) {
      container.readinessProbe = { ...container.readinessProbe, initialDelaySeconds: 1, periodSeconds: 1 };
    }
  }
}
