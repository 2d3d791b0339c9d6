/** How simulated worlds of tests let promises settle: exactly where the engine can, else by hops. */
import { detectMicrotaskDrain } from "../src/runtime/detect.ts";

/** An option of a simulated world. */
export const drain = await detectMicrotaskDrain();
