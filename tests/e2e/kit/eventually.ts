/** How long a condition may take before its test fails: long, for the machine may be busy. */
export const PATIENCE_MS = 60_000;

/** The limit of a whole test; a wait that runs out says more than this one does. */
export const TEST_TIMEOUT_MS = 115_000;

const PAUSE_MS = 25;

/** What to wait for. */
export interface Wait<T> {
  /** In words, for the message of a failure: `a leader`. */
  readonly what: string;
  /** Looks once; null means "not yet". What it throws fails the test. */
  readonly look: () => Promise<T | null> | T | null;
  /** {@linkcode PATIENCE_MS} unless told. */
  readonly withinMs?: number;
}

/** Resolves after a time that is itself part of what is tested, never to let something happen. */
export function elapse(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Looks again and again until something is there; fails the test where it never comes. */
export async function eventually<T>({ what, look, withinMs }: Wait<T>): Promise<T> {
  const limitMs = withinMs ?? PATIENCE_MS;
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    if (performance.now() >= deadlineMs) throw new Error(`Waited ${limitMs} ms for ${what}`);
    await elapse(PAUSE_MS);
  }
}
