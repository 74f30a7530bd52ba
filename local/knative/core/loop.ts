/** Does one piece of work again and again, never twice at a time: many wishes while it runs are one more round. */

/** A loop around some work. */
export interface Loop {
  /** Asks for a round from now on. */
  readonly wake: () => void;
  /** Takes no more wishes and resolves when the present round is over. */
  stop(): Promise<void>;
}

/** `work` must be safe to run at any time; what it throws goes to `failed`. */
export function createLoop(work: () => Promise<void>, failed: (error: unknown) => void): Loop {
  let wanted = false;
  let stopped = false;
  let running: Promise<void> | undefined;

  async function rounds(): Promise<void> {
    while (wanted && !stopped) {
      wanted = false;
      await work().catch(failed);
    }
    running = undefined;
  }

  return {
    wake() {
      wanted = true;
      running ??= Promise.resolve().then(rounds);
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
