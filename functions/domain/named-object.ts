import * as z from 'zod';

/** One of our objects, by name. */
export interface NamedObject {
  readonly kind: 'PgManager' | 'PgBackup';
  readonly namespace: string;
  readonly name: string;
}

const Timer = z.object({
  pgpurpose: z.enum(['slot', 'backup', 'rotation']),
  pgnamespace: z.string().max(253),
  pgname: z.string().max(253),
});

/** ApiServerSource's and our own subjects: `/apis/aidbox.pg/v01/namespaces/<ns>/pgbackups/<name>`, `pgbackup/<ns>/<name>`. */
const subjects =
  /^(?:\/apis\/aidbox\.pg\/v01\/namespaces\/([^/]{1,253})\/(pgmanager|pgbackup)s\/([^/]{1,253})|(pgmanager|pgbackup)\/([^/]{1,253})\/([^/]{1,253}))$/;

/** The object that an event is about, by its timer extensions or its subject; undefined when it names none of ours. */
export function namedObject(event: { readonly subject?: string | undefined }): NamedObject | undefined {
  const timer = Timer.safeParse(event).data;
  if (timer !== undefined) {
    return {
      kind: timer.pgpurpose === 'backup' ? 'PgBackup' : 'PgManager',
      namespace: timer.pgnamespace,
      name: timer.pgname,
    };
  }
  const match = subjects.exec(event.subject ?? '');
  if (match === null) return undefined;
  const [, ns1, kind1, name1, kind2, ns2, name2] = match;
  const kind = (kind1 ?? kind2) === 'pgmanager' ? 'PgManager' : 'PgBackup';
  return { kind, namespace: ns1 ?? ns2 ?? '', name: name1 ?? name2 ?? '' };
}
