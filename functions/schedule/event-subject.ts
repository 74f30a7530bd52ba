/** Which object an event names, for a Kubernetes Event about the event itself. */
import * as z from 'zod';

/** One of our objects, by name. */
export interface EventSubject {
  readonly kind: 'PgManager' | 'PgBackup';
  readonly namespace: string;
  readonly name: string;
}

const Timer = z.object({
  pgpurpose: z.enum(['slot', 'backup', 'rotation']),
  pgnamespace: z.string().max(253),
  pgname: z.string().max(253),
});

/** Subjects of ApiServerSource: `/apis/aidbox.pg/v01/namespaces/<ns>/pgbackups/<name>`; ours: `pgbackup/<ns>/<name>`. */
const subjects = [
  /^\/apis\/aidbox\.pg\/v01\/namespaces\/(?<namespace>[^/]{1,253})\/(?<kind>pgmanager|pgbackup)s\/(?<name>[^/]{1,253})$/,
  /^(?<kind>pgmanager|pgbackup)\/(?<namespace>[^/]{1,253})\/(?<name>[^/]{1,253})$/,
];

/** The object that an event is about, by its timer extensions or its subject; undefined when it names none of ours. */
export function eventSubjectOf(event: { readonly subject?: string | undefined }): EventSubject | undefined {
  const timer = Timer.safeParse(event).data;
  if (timer === undefined) return bySubject(event.subject ?? '');
  return {
    kind: timer.pgpurpose === 'backup' ? 'PgBackup' : 'PgManager',
    namespace: timer.pgnamespace,
    name: timer.pgname,
  };
}

function bySubject(subject: string): EventSubject | undefined {
  for (const pattern of subjects) {
    const { kind, namespace, name } = pattern.exec(subject)?.groups ?? {};
    if (namespace !== undefined && name !== undefined)
      return { kind: kind === 'pgmanager' ? 'PgManager' : 'PgBackup', namespace, name };
  }
  return undefined;
}
