/** Reads the CRDs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { repository } from './output.ts';

/** The parts of a structural schema that our CRDs use. */
export interface Schema {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly format?: 'date-time' | 'int32' | 'int64';
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly 'x-kubernetes-map-type'?: 'atomic';
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-validations'?: readonly Rule[];
}

/** A rule in CEL, checked by the API server. */
export interface Rule {
  readonly rule: string;
  readonly message: string;
}

export interface Column {
  readonly name: string;
  readonly jsonPath: string;
  readonly priority?: number;
  readonly description?: string;
}

/** What a CRD says of its one version. */
export interface Definition {
  /** Where the CRD is, from the root of the repository. */
  readonly path: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly apiVersion: string;
  readonly columns: readonly Column[];
  readonly selectableFields: readonly string[];
  readonly schema: Schema;
}

interface Crd {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames: readonly [string] };
    readonly versions: readonly [
      {
        readonly name: string;
        readonly selectableFields: readonly { readonly jsonPath: string }[];
        readonly additionalPrinterColumns: readonly Column[];
        readonly schema: { readonly openAPIV3Schema: Schema };
      },
    ];
  };
}

export const pgManager = readDefinition('crds/pgmanagers.yaml');
export const pgBackup = readDefinition('crds/pgbackups.yaml');

function readDefinition(path: string): Definition {
  const { spec } = parse(readFileSync(join(repository, path), 'utf8')) as Crd;
  const [version] = spec.versions;
  return {
    path,
    kind: spec.names.kind,
    plural: spec.names.plural,
    shortName: spec.names.shortNames[0],
    apiVersion: `${spec.group}/${version.name}`,
    columns: version.additionalPrinterColumns,
    selectableFields: version.selectableFields.map(({ jsonPath }) => jsonPath.slice(1)),
    schema: version.schema.openAPIV3Schema,
  };
}

/** Returns the schema of a field, for example of `status.schedule.missed.last[].slot`. */
export function fieldAt({ path, schema }: Definition, field: string): Schema {
  return field.split('.').reduce((parent, segment) => {
    const child = parent.properties?.[segment.replace('[]', '')];
    const found = segment.endsWith('[]') ? child?.items : child;
    if (found === undefined) throw new Error(`${path} has no field ${field}`);
    return found;
  }, schema);
}
