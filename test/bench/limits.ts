/** A memory limit as a container has it: a control group of its own. Making it needs the rights to. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Program } from './program.ts';

const root = '/sys/fs/cgroup';
const services = join(import.meta.dirname, '../../eventing/base/services.yaml');
const mebibyte = 1024 ** 2;

/** Version 2 has one tree, version 1 one for each controller. */
const isUnified = existsSync(join(root, 'cgroup.controllers'));

/** The same program in a group that gets so many bytes, the page cache that its files take among them. */
export function limited({ argv, env }: Program, memory: number): Program {
  const enter = `echo $$ > ${groupOf(memory)}/cgroup.procs && exec "$@"`;
  return { argv: ['/bin/sh', '-c', enter, 'sh', ...argv], ...(env === undefined ? {} : { env }) };
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

const groups: string[] = [];
process.once('exit', () => groups.forEach((group) => rmdirSync(group)));

/** Is there until this process ends. Each program has its own: those that run beside each other do not share a limit. */
function groupOf(memory: number): string {
  const group = join(root, isUnified ? '' : 'memory', `aidboxops-bench-${process.pid}-${groups.length}`);
  mkdirSync(group);
  groups.push(group);
  writeFileSync(join(group, isUnified ? 'memory.max' : 'memory.limit_in_bytes'), String(memory));
  return group;
}
