/** How both sources send: the SDK's short retry, then the event is lost. There is no delivery spec and no dead letter. */
import { messageOf } from '../../machine/error-message.ts';
import { wait, type Context } from '../core/context.ts';
import { summaryOf, toMessage, type CarriedEvent } from '../core/events.ts';
import { post } from '../core/http.ts';
import { sourceRetry, withRetries } from '../core/retry.ts';

/** Sends with the retries of sdk-go (same id each time); resolves when the sink has it or it is lost. */
export async function sendFromSource(context: Context, sinkUri: string, event: CarriedEvent): Promise<void> {
  if (context.faults.losesFromSource?.(event, sinkUri) === true) return;
  try {
    const answer = await withRetries(
      sourceRetry,
      () => post(sinkUri, toMessage(event)),
      (ms) => wait(context, ms),
      () => undefined,
    );
    if (answer.status >= 200 && answer.status < 300) return;
    lost(context, event, answer.status, answer.error ?? `${sinkUri} answered ${answer.status}`);
  } catch (error) {
    lost(context, event, 0, messageOf(error));
  }
}

function lost(context: Context, event: CarriedEvent, status: number, reason: string): void {
  if (!context.signal.aborted) context.trace({ kind: 'lost', event: summaryOf(event), status, reason });
}
