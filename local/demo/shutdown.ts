/** Reasons to stop: signals, and the end of the process that started us. */

/** What was asked for; `code` is the exit code that fits. */
export interface StopRequest {
  readonly reason: string;
  readonly code: number;
}

const signals: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };

/** Aborts when we shall stop. A second signal changes nothing: what was started has to be ended. */
export function watchForStop(): { readonly signal: AbortSignal; request(): StopRequest | undefined } {
  const controller = new AbortController();
  let request: StopRequest | undefined;

  function stop(reason: string, code: number): void {
    request ??= { reason, code };
    controller.abort(new Error(`stopped (${reason})`));
  }

  for (const [name, code] of Object.entries(signals)) process.on(name, () => stop(name, code));
  process.stdout.on('error', () => stop('nobody reads the output any more', 1));
  // A bootstrap that is killed with SIGKILL cannot hand on a signal.
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop('the parent process is gone', signals['SIGTERM'] ?? 1);
  }, 1_000).unref();
  return { signal: controller.signal, request: () => request };
}
