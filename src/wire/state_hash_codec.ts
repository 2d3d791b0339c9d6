/**
 * What nodes tell each other of their states, to find one that differs. Rare, so by capnp-ts.
 *
 * @module
 */
import type { Index, Term } from "../types.ts";
import type { StateHash as StateHashStruct } from "./generated/peer.ts";
import { toNumber, toUint64 } from "./library_message.ts";

/** Hashes of a state: integers from 0 to 2^32 − 1. */
export interface StateHashes {
  /** Of the remembered answers and of the sessions. */
  readonly tables: number;
  /** How that hash is made. */
  readonly tablesVersion: number;
  /** Of the state machine's state; 0 where the machine gives none. */
  readonly machine: number;
  /** How that hash is made; 0 where the machine gives none. */
  readonly machineVersion: number;
}

/** What the sender's state was right after it applied an entry. No message of the core. */
export interface StateHashMessage extends StateHashes {
  readonly type: "stateHash";
  readonly term: Term;
  readonly index: Index;
  /** The entry at which the sender was found to differ from a majority; 0 where it was not. */
  readonly deviatesSince: Index;
}

/** Sets the fields of such a message. */
export function fillStateHash(struct: StateHashStruct, message: StateHashMessage): void {
  struct.setIndex(toUint64(message.index));
  struct.setTables(message.tables);
  struct.setTablesVersion(message.tablesVersion);
  struct.setMachine(message.machine);
  struct.setMachineVersion(message.machineVersion);
  struct.setDeviatesSince(toUint64(message.deviatesSince));
}

/** Reads such a message. */
export function readStateHash(struct: StateHashStruct, term: Term): StateHashMessage {
  return {
    type: "stateHash",
    term,
    index: toNumber(struct.getIndex()),
    tables: struct.getTables(),
    tablesVersion: struct.getTablesVersion(),
    machine: struct.getMachine(),
    machineVersion: struct.getMachineVersion(),
    deviatesSince: toNumber(struct.getDeviatesSince()),
  };
}
