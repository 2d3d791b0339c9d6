/**
 * Fails where a load generator began to measure before its warm-up was over, for then what it
 * measured includes the time in which programs are compiled by their use.
 *
 * @param warmUpMs How long the load was to run before.
 * @param startedMs When the load generator was started.
 * @param measuringMs When it said that it measures.
 */
export function checkWarmUp(
  { warmUpMs, startedMs, measuringMs }: {
    readonly warmUpMs: number;
    readonly startedMs: number;
    readonly measuringMs: number;
  },
): void {
  const afterMs = Math.round(measuringMs - startedMs);
  if (afterMs >= warmUpMs) return;
  throw new Error(`The load was measured after ${afterMs} ms, before its warm-up of ${warmUpMs}`);
}
