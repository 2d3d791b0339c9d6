import type { Proposer } from "../../src/client/proposer.ts";
import { KeyValueStore } from "../../src/state_machine/key_value_store.ts";

/** A key-value store in this process, in the place of a cluster. */
export class StoreProposer implements Proposer {
  readonly store = new KeyValueStore();
  nowMs = 0;
  index = 40;

  propose: Proposer["propose"] = (command, options = {}) => {
    this.index += 1;
    const { index } = this;
    const result = this.store.apply(command, { index, term: 3, logTimeMs: this.nowMs });
    const commandId = options.commandId ?? new Uint8Array(16);
    return Promise.resolve({ index, term: 3, duplicate: false, result, commandId });
  };

  query: Proposer["query"] = (query) => {
    const result = this.store.query(query, { logTimeMs: this.nowMs });
    return Promise.resolve({ servedBy: 1, index: this.index, ageMs: 0, result });
  };
}
