import { oneFailed, type Stage, type StageContext, type StageResult } from "./stage.ts";

/** More would disturb each other's timing on the two cores that the gate is planned for. */
const stagesAtOnceMax = 2;

/** Is told of every stage that ended. */
export type StageListener = (stage: Stage, result: StageResult, seconds: number) => void;

/** Whether a stage may start beside the ones that run now. */
function mayStart(stage: Stage, waiting: ReadonlySet<Stage>, running: ReadonlySet<Stage>): boolean {
  if (running.size >= stagesAtOnceMax) return false;
  if ([...running].some((other) => other.alone === true)) return false;
  if (stage.alone === true && running.size > 0) return false;
  const unfinished = [...waiting, ...running].map(({ name }) => name);
  return !(stage.after ?? []).some((name) => unfinished.includes(name));
}

/** A stage that throws has failed; the gate goes on with the others. */
async function runOne(stage: Stage, context: StageContext): Promise<StageResult> {
  try {
    return await stage.run(context);
  } catch (error) {
    return oneFailed(error instanceof Error ? error.stack ?? error.message : String(error));
  }
}

/**
 * Runs stages in order, two at a time where they allow it, and each one after those it names.
 *
 * @param stages What to run.
 * @param scene The root and the scratch folder.
 * @param listener Is told of every stage that ended.
 * @returns The results by stage name.
 */
export async function runStages(
  stages: readonly Stage[],
  scene: Omit<StageContext, "results">,
  listener: StageListener,
): Promise<Map<string, StageResult>> {
  const results = new Map<string, StageResult>();
  const waiting = new Set(stages);
  const running = new Map<Stage, Promise<void>>();
  while (waiting.size > 0 || running.size > 0) {
    for (const stage of [...waiting]) {
      if (!mayStart(stage, waiting, new Set(running.keys()))) continue;
      waiting.delete(stage);
      const startedMs = performance.now();
      running.set(
        stage,
        runOne(stage, { ...scene, results }).then((result) => {
          running.delete(stage);
          results.set(stage.name, result);
          listener(stage, result, (performance.now() - startedMs) / 1000);
        }),
      );
    }
    if (running.size === 0) throw new Error("Cannot start any stage: they wait for each other");
    await Promise.race(running.values());
  }
  return results;
}
