/**
 * The smallest machine that keeps the contract: commands add a byte, the query reads the sum.
 */
import { BadDataError } from "../../src/errors.ts";
import type { ApplyContext, StateMachine } from "../../src/state_machine/state_machine.ts";

const REFUSED = Uint8Array.of(0xff);

function encodeSum(sum: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, sum);
  return bytes;
}

/** Reads an answer of {@linkcode CounterMachine}; NaN where it refused. */
export function decodeSum(answer: Uint8Array): number {
  if (answer.length !== 8) return Number.NaN;
  return new DataView(answer.buffer, answer.byteOffset, 8).getFloat64(0);
}

/** Adds up single bytes. */
export class CounterMachine implements StateMachine {
  /** What was applied, in order. */
  readonly contexts: ApplyContext[] = [];
  #sum = 0;

  apply(command: Uint8Array, context: ApplyContext): Uint8Array {
    this.contexts.push({ ...context });
    if (command.length !== 1) return REFUSED;
    this.#sum += command[0]!;
    return encodeSum(this.#sum);
  }

  query(query: Uint8Array): Uint8Array {
    return query.length === 0 ? encodeSum(this.#sum) : REFUSED;
  }

  takeSnapshot(): Iterator<Uint8Array, void> {
    return [encodeSum(this.#sum)].values() as Iterator<Uint8Array, void>;
  }

  async restoreSnapshot(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const bytes: number[] = [];
    for await (const chunk of chunks) bytes.push(...chunk);
    if (bytes.length !== 8) throw new BadDataError(`The sum has ${bytes.length} bytes`, []);
    this.#sum = decodeSum(Uint8Array.from(bytes));
  }
}
