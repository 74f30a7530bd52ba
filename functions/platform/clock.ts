/** The little time that is not the API server's: how long this activation has been going on, and waiting. */

export interface Clock {
  /** Milliseconds since some fixed moment; only differences mean anything. */
  monotonic(): number;
  /** Resolves after this many milliseconds. */
  sleep(milliseconds: number): Promise<void>;
}

export const systemClock: Clock = {
  monotonic: () => performance.now(),
  sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
};
