/** How simulated worlds of tests let promises settle: exactly, or by hops where they must. */
import { detectMicrotaskDrain } from "../src/runtime/detect.ts";

/** An option of a simulated world. */
export const drain = await detectMicrotaskDrain();
