/**
 * A map whose keys are texts in ascending order and whose copies are cheap: the B+ tree of
 * `sorted-btree`, which copies a node when it is changed while a clone still has it.
 *
 * @module
 */
import * as sortedBtree from "sorted-btree";

/** The default export of a CommonJS module, which type checkers too see wrapped once or twice. */
type Unwrapped<Module> = Module extends { default: infer Inner } ? Inner : Module;
type BTreeClass = Unwrapped<typeof sortedBtree.default>;

/** The class itself: some runtimes wrap the default export of a CommonJS module once more. */
function unwrapClass(): BTreeClass {
  const exported = sortedBtree.default as unknown as { readonly default?: unknown };
  return (exported.default ?? exported) as BTreeClass;
}

const BTree = unwrapClass();

/** An ordered map from texts, compared by their UTF-16 code units, to values. */
export type OrderedMap<Value> = InstanceType<typeof BTree<string, Value>>;

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Creates an empty map. */
export function createOrderedMap<Value>(): OrderedMap<Value> {
  return new BTree<string, Value>(undefined, compareTexts);
}
