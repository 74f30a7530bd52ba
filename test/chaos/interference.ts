/** What happens to deliveries of events on their way to the functions: the hook of the eventing stand-ins, by case. */
import type { Fault, Faults } from '../../local/knative/index.ts';
import type { CarriedEvent } from '../../local/knative/core/events.ts';

/** Decides about one delivery; undefined leaves it alone. `trigger` is without its namespace. */
export type Interferer = (event: CarriedEvent, trigger: string) => Fault | undefined;

export interface Interference {
  readonly faults: Faults;
  /** Interferes until the returned function is called. */
  add(interferer: Interferer): () => void;
}

export function createInterference(): Interference {
  const interferers = new Set<Interferer>();
  return {
    faults: {
      onDelivery(event, trigger) {
        const [, name = ''] = trigger.split('/');
        for (const interferer of interferers) {
          const fault = interferer(event, name);
          if (fault !== undefined) return fault;
        }
        return 'deliver';
      },
    },
    add(interferer) {
      interferers.add(interferer);
      return () => void interferers.delete(interferer);
    },
  };
}

/** Whether an event is about something in this namespace; ticks and pages of sweep and probe are about all of them. */
export function isAbout(event: CarriedEvent, namespace: string): boolean {
  const { namespace: changed, pgnamespace, pgpurpose, subject = '', type = '' } = event.attributes;
  if (type.endsWith('.page.v1') || pgpurpose === 'sweep' || pgpurpose === 'probe') return true;
  return [changed, pgnamespace, subject.split('/')[1]].includes(namespace);
}
