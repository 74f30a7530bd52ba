/** Limits as a container has them: control groups of its own. Making them needs the rights to. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Program } from './program.ts';

export interface Limits {
  readonly cpus?: number;
  /** Bytes, the page cache that its files take among them. */
  readonly memory?: number;
}

const root = '/sys/fs/cgroup';
const periodUs = 100_000;
const services = join(import.meta.dirname, '../../eventing/base/services.yaml');
const mebibyte = 1024 ** 2;

/** Version 2 has one tree, version 1 one for each controller. */
const isUnified = existsSync(join(root, 'cgroup.controllers'));

/** The same program in groups that get so much. */
export function limited({ argv, env }: Program, limits: Limits): Program {
  const groups = groupsOf(limits);
  const enter = groups.map((group) => `echo $$ > ${group}/cgroup.procs`).join(' && ');
  return { argv: ['/bin/sh', '-c', `${enter} && exec "$@"`, 'sh', ...argv], ...(env === undefined ? {} : { env }) };
}

/** The memory limit that `eventing` gives the container of a function, in bytes. */
export function memoryLimitOf(name: string): number {
  const found = parseAllDocuments(readFileSync(services, 'utf8'))
    .map((document) => document.toJS() as Service)
    .find(({ metadata }) => metadata.name === name);
  const text = found?.spec.template.spec.containers[0]?.resources.limits.memory ?? '';
  const mebibytes = /^(\d+)Mi$/.exec(text)?.[1];
  if (mebibytes === undefined) throw new Error(`the memory limit of ${name} is not given in Mi: ${text}`);
  return Number(mebibytes) * mebibyte;
}

interface Service {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly containers: readonly { readonly resources: { readonly limits: { readonly memory: string } } }[];
      };
    };
  };
}

function groupsOf({ cpus, memory }: Limits): string[] {
  // Each program has its own: those that run beside each other do not share a limit.
  const name = `aidboxops-bench-${process.pid}-${(made += 1)}`;
  const groups = new Set<string>();
  if (cpus !== undefined) groups.add(limitCpu(makeGroup('cpu', name), cpus));
  if (memory !== undefined) groups.add(limitMemory(makeGroup('memory', name), memory));
  return [...groups];
}

function limitCpu(group: string, cpus: number): string {
  const quota = String(cpus * periodUs);
  if (isUnified) {
    writeFileSync(join(group, 'cpu.max'), `${quota} ${periodUs}`);
  } else {
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), quota);
  }
  return group;
}

function limitMemory(group: string, bytes: number): string {
  writeFileSync(join(group, isUnified ? 'memory.max' : 'memory.limit_in_bytes'), String(bytes));
  return group;
}

let made = 0;
const groupsMade = new Set<string>();
process.once('exit', () => groupsMade.forEach((group) => rmdirSync(group)));

/** Is there until this process ends. */
function makeGroup(controller: string, name: string): string {
  const group = join(root, isUnified ? '' : controller, name);
  if (!groupsMade.has(group)) mkdirSync(group);
  groupsMade.add(group);
  return group;
}
