/**
 * The definitions of the Knative kinds that are used here. Schemas and CEL rules stand for Knative's webhooks: what these
 * refuse or default and a manifest could get wrong. Not copied: the webhooks also refuse unknown fields, which a
 * definition can only prune (kubectl refuses them by itself), and parse the schedule in full.
 */

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: 'string' };
const open: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const textMap: Schema = { type: 'object', additionalProperties: text };
// Conditions and whatever else the writers of a status put there.
const status: Schema = open;

function object(properties: Readonly<Record<string, Schema>>, more: Schema = {}): Schema {
  return { type: 'object', properties, ...more };
}

function list(items: Schema, more: Schema = {}): Schema {
  return { type: 'array', items, ...more };
}

function rule(expression: string, message: string): Schema {
  return { rule: expression, message };
}

const cronField = '[0-9A-Za-z*?/,-]+';
const cronOf5Or6Fields = `^\\\\s*${cronField}(\\\\s+${cronField}){4,5}\\\\s*$`;
const descriptor = '^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$';

/** sources.knative.dev, eventing `pkg/apis/sources/v1/ping_validation.go` and `ping_defaults.go`. */
const schedule: Schema = {
  type: 'string',
  maxLength: 200,
  default: '* * * * *',
  'x-kubernetes-validations': [
    rule("!self.contains('@every')", 'unsupported descriptor @every'),
    rule(
      `self.contains('@every') || self.matches('${cronOf5Or6Fields}') || self.matches('${descriptor}')`,
      'schedule must have 5 or 6 cron fields (seconds first when 6) or be a descriptor such as @daily',
    ),
  ],
};

const destination = object(
  {
    ref: object({ apiVersion: text, kind: text, name: text, namespace: text }, { required: ['kind', 'name'] }),
    uri: text,
    CACerts: text,
    audience: text,
  },
  { 'x-kubernetes-validations': [rule('has(self.ref) || has(self.uri)', 'expected at least one, got none: ref, uri')] },
);

const ceOverrides = object({
  extensions: {
    ...textMap,
    maxProperties: 64,
    'x-kubernetes-validations': [
      rule("self.all(name, name.matches('^[a-z0-9]+$'))", 'extension names are lower-case letters and digits'),
    ],
  },
});

const isoDuration: Schema = { type: 'string', pattern: String.raw`^P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$` };

const delivery = object({
  deadLetterSink: destination,
  retry: { type: 'integer', format: 'int32', minimum: 0 },
  backoffPolicy: { type: 'string', enum: ['linear', 'exponential'] },
  backoffDelay: isoDuration,
  timeout: isoDuration,
  // `retryAfterMax` is behind an alpha flag that is off: Knative's webhook refuses it.
  format: { type: 'string', enum: ['json', 'binary'] },
});

const labelSelector = object({
  matchLabels: textMap,
  matchExpressions: list(
    object(
      { key: text, operator: { type: 'string', enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }, values: list(text) },
      { required: ['key', 'operator'] },
    ),
  ),
});

const pingSource = object(
  {
    schedule,
    timezone: text,
    contentType: text,
    data: text,
    dataBase64: { type: 'string', format: 'byte' },
    sink: destination,
    ceOverrides,
  },
  {
    required: ['sink'],
    'x-kubernetes-validations': [
      // Neither is allowed too: the event has no data then.
      rule('!(has(self.data) && has(self.dataBase64))', 'expected exactly one, got both: data, dataBase64'),
      rule(
        String.raw`!has(self.data) || !has(self.contentType) || self.contentType != 'application/json' || self.data.matches('^\\s*\\{')`,
        'data must be a JSON object when contentType is application/json',
      ),
    ],
  },
);

const apiServerSource = object(
  {
    resources: list(
      object({ apiVersion: text, kind: text, selector: labelSelector }, { required: ['apiVersion', 'kind'] }),
      { minItems: 1 },
    ),
    mode: { type: 'string', enum: ['Reference', 'Resource'], default: 'Reference' },
    serviceAccountName: { type: 'string', default: 'default' },
    namespaceSelector: labelSelector,
    sink: destination,
    ceOverrides,
  },
  { required: ['resources', 'sink'] },
);

const sinkBinding = object(
  {
    subject: object(
      { apiVersion: text, kind: text, namespace: text, name: text, selector: labelSelector },
      {
        required: ['apiVersion', 'kind'],
        'x-kubernetes-validations': [
          rule('has(self.name) != has(self.selector)', 'expected exactly one: name, selector'),
        ],
      },
    ),
    sink: destination,
    ceOverrides,
  },
  { required: ['subject', 'sink'] },
);

/** `config-br-defaults`: what a Broker gets that says nothing of delivery. */
const broker = object(
  {
    config: open,
    delivery: { ...delivery, default: { retry: 10, backoffPolicy: 'exponential', backoffDelay: 'PT0.2S' } },
  },
  { default: {} },
);

// Definitions cannot be recursive: what is inside `any` is taken as it comes.
const filterDialect = object({ exact: textMap, prefix: textMap, any: list(open) });

const trigger = object(
  {
    broker: { type: 'string', 'x-kubernetes-validations': [rule('self == oldSelf', 'spec.broker is immutable')] },
    filter: object({ attributes: textMap }),
    filters: list(filterDialect),
    subscriber: destination,
    delivery,
  },
  { required: ['broker', 'subscriber'] },
);

const window = 'autoscaling.knative.dev/window';
/** serving `pkg/apis/serving/v1/revision_validation.go`, `pkg/apis/autoscaling/annotation_validation.go`. */
const service = object(
  {
    template: object(
      {
        metadata: object({
          name: text,
          labels: textMap,
          annotations: {
            ...textMap,
            maxProperties: 64,
            'x-kubernetes-validations': [
              rule(
                `!('${window}' in self) || (self['${window}'].matches('^[0-9hms]+$') && duration(self['${window}']) >= duration('6s') && duration(self['${window}']) <= duration('1h'))`,
                `${window} must be a duration of whole seconds from 6s to 1h`,
              ),
            ],
          },
        }),
        spec: object(
          {
            containers: list(open, { minItems: 1 }),
            serviceAccountName: text,
            containerConcurrency: { type: 'integer', format: 'int64', minimum: 0, maximum: 1000, default: 0 },
            timeoutSeconds: { type: 'integer', format: 'int64', minimum: 0, maximum: 600, default: 300 },
          },
          { required: ['containers'], 'x-kubernetes-preserve-unknown-fields': true },
        ),
      },
      { required: ['spec'] },
    ),
    traffic: list(open),
  },
  { required: ['template'] },
);

interface Definition {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly spec: Schema;
  readonly columns: Readonly<Record<string, string>>;
}

const ready = ".status.conditions[?(@.type=='Ready')]";
const readyColumns = { Ready: `${ready}.status`, Reason: `${ready}.reason` };

const definitions: readonly Definition[] = [
  {
    group: 'sources.knative.dev',
    kind: 'PingSource',
    plural: 'pingsources',
    spec: pingSource,
    columns: { Sink: '.status.sinkUri', Schedule: '.spec.schedule', ...readyColumns },
  },
  {
    group: 'sources.knative.dev',
    kind: 'ApiServerSource',
    plural: 'apiserversources',
    spec: apiServerSource,
    columns: { Sink: '.status.sinkUri', ...readyColumns },
  },
  {
    group: 'sources.knative.dev',
    kind: 'SinkBinding',
    plural: 'sinkbindings',
    spec: sinkBinding,
    columns: { Sink: '.status.sinkUri', ...readyColumns },
  },
  {
    group: 'eventing.knative.dev',
    kind: 'Broker',
    plural: 'brokers',
    spec: broker,
    columns: { URL: '.status.address.url', ...readyColumns },
  },
  {
    group: 'eventing.knative.dev',
    kind: 'Trigger',
    plural: 'triggers',
    spec: trigger,
    columns: { Broker: '.spec.broker', Subscriber_URI: '.status.subscriberUri', ...readyColumns },
  },
  {
    group: 'serving.knative.dev',
    kind: 'Service',
    plural: 'services',
    shortNames: ['kservice', 'ksvc'],
    spec: service,
    columns: { URL: '.status.url', ...readyColumns },
  },
];

/** CustomResourceDefinitions of all Knative kinds that the manifests of an installation use. */
export function knativeDefinitions(): object[] {
  return definitions.map(definition);
}

function definition({ group, kind, plural, shortNames, spec, columns }: Definition): object {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'knative.dev/crd-install': 'true' } },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        plural,
        singular: kind.toLowerCase(),
        listKind: `${kind}List`,
        categories: ['all', 'knative'],
        ...(shortNames === undefined ? {} : { shortNames }),
      },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: object({ spec, status }, { required: ['spec'] }) },
          additionalPrinterColumns: [
            ...Object.entries(columns).map(([name, jsonPath]) => ({ name, jsonPath, type: 'string' })),
            { name: 'Age', jsonPath: '.metadata.creationTimestamp', type: 'date' },
          ],
        },
      ],
    },
  };
}
