/**
 * Every mutation. The product carries no switch for them: each is made in a copy of the source.
 *
 * @module
 */
import { consensusMutations } from "./consensus_mutations.ts";
import type { Mutation } from "./mutation.ts";
import { nodeMutations } from "./node_mutations.ts";

/** All mutations, in the order of the report. */
export const catalogue: readonly Mutation[] = [...consensusMutations, ...nodeMutations];
