/** Lets a limited number in at a time; the others wait in order. */

/** A gate; everyone who entered must leave. */
export interface Gate {
  /** Resolves when it is our turn; rejects, without having entered, when the signal aborts first. */
  enter(signal: AbortSignal): Promise<void>;
  leave(): void;
}

/** `limit` 0 lets everybody in. */
export function createGate(limit: number): Gate {
  const waiting = new Set<() => void>();
  let inside = 0;
  return {
    enter(signal) {
      if (limit === 0 || inside < limit) {
        inside += 1;
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const admit = (): void => {
          waiting.delete(admit);
          signal.removeEventListener('abort', refuse);
          resolve();
        };
        const refuse = (): void => {
          waiting.delete(admit);
          reject(signal.reason as Error);
        };
        signal.addEventListener('abort', refuse, { once: true });
        waiting.add(admit);
      });
    },
    leave() {
      const [next] = waiting;
      // The place goes straight to the next in line, so nobody who comes just now can overtake.
      if (next === undefined) inside -= 1;
      else next();
    },
  };
}
