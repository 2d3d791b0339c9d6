/**
 * The bytes that a replicated put takes on the wire, counted from the codecs, and what the same
 * messages would take as lines of JSON.
 *
 * Counted are the request of the client and its answer, the AppendEntries to each follower and its
 * answer; not what happens with puts or without (heartbeats), nor what TCP and IP add.
 *
 * @module
 */
import { benchKey } from "../../src/cli/bench/bench_keys.ts";
import type { AppendEntriesAccepted, AppendEntriesRequest } from "../../src/consensus/messages.ts";
import { encodeProposals } from "../../src/raft/batch_encoder.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { writeClientMessage } from "../../src/wire/client_codec.ts";
import type { ProposeAnswer, ProposeRequest } from "../../src/wire/client_messages.ts";
import { encodePlainPut, encodePutResult } from "../../src/wire/kv_hot_codec.ts";
import { encodePeerMessage } from "../../src/wire/peer_codec.ts";

const VALUE_BYTES = 128;
const LETTER_V = 118;
const FOLLOWERS = 2;
const TERM = 3;
/** In the middle of a log: JSON takes a byte for each digit. */
const PREVIOUS_INDEX = 1_000_000;
const TIMESTAMP_MS = 1_700_000_000_000;
const COMMAND_ID_BYTES = 16;

/** Bytes for each put of a batch. */
export interface WireBytes {
  readonly clientBytesPerPut: number;
  readonly peerBytesPerPut: number;
  readonly bytesPerPut: number;
}

/** How JSON says bytes: in letters that stand for any bytes, or as the text that they are. */
export type BytesInJson = "base64" | "text";

const key = benchKey(1);
const value = new Uint8Array(VALUE_BYTES).fill(LETTER_V);
const commandId = Uint8Array.from({ length: COMMAND_ID_BYTES }, (_, at) => 0x55 + at);

function proposeOf(requestId: number): ProposeRequest {
  return { type: "propose", requestId, commandId, command: encodePlainPut(key, value) };
}

function answerOf(requestId: number): ProposeAnswer {
  const index = PREVIOUS_INDEX + requestId;
  const result = encodePutResult(index, false);
  return { type: "proposeAnswer", requestId, index, term: TERM, duplicate: false, result };
}

function appendOf(count: number): AppendEntriesRequest {
  return {
    type: "appendEntriesRequest",
    term: TERM,
    prevLogIndex: PREVIOUS_INDEX,
    prevLogTerm: TERM,
    leaderCommit: PREVIOUS_INDEX,
    readSequence: PREVIOUS_INDEX,
    session: 1,
    provenToken: PREVIOUS_INDEX,
    entries: {
      firstIndex: PREVIOUS_INDEX + 1,
      lastIndex: PREVIOUS_INDEX + count,
      termRuns: [],
      configurations: [],
      source: null,
    },
  };
}

function acceptedOf(count: number): AppendEntriesAccepted {
  return {
    type: "appendEntriesResponse",
    accepted: true,
    term: TERM,
    matchIndex: PREVIOUS_INDEX + count,
    readSequence: PREVIOUS_INDEX,
    session: 1,
    promiseMs: 1_000,
    storageFull: false,
    ageToken: PREVIOUS_INDEX,
  };
}

function numbersOf(batch: number): number[] {
  return Array.from({ length: batch }, (_, position) => position + 1);
}

function perPut(batch: number, client: number, peer: number): WireBytes {
  const each = (bytes: number): number => Math.round((10 * bytes) / batch) / 10;
  return {
    clientBytesPerPut: each(client),
    peerBytesPerPut: each(FOLLOWERS * peer),
    bytesPerPut: each(client + FOLLOWERS * peer),
  };
}

/** What this project's codecs make of a batch of puts. */
export function countWireBytes(batch: number): WireBytes {
  const client = new ByteBuilder();
  for (const requestId of numbersOf(batch)) {
    writeClientMessage(client, proposeOf(requestId));
    writeClientMessage(client, answerOf(requestId));
  }
  const sink = { proposalApplied: () => {}, proposalFailed: () => {} };
  const proposals = numbersOf(batch).map((requestId) => ({ ...proposeOf(requestId), sink }));
  const header = { firstIndex: PREVIOUS_INDEX + 1, term: TERM, timestampMs: TIMESTAMP_MS };
  const { bytes } = encodeProposals(proposals, header);
  const peer = encodePeerMessage(appendOf(batch), [bytes]).length +
    encodePeerMessage(acceptedOf(batch)).length;
  return perPut(batch, client.length, peer);
}

/** What the same would be as JSON, a message a line; checksums are left out. */
export function countJsonBytes(batch: number, form: BytesInJson): WireBytes {
  const said = (bytes: Uint8Array): string =>
    form === "text" ? new TextDecoder().decode(bytes) : btoa(String.fromCharCode(...bytes));
  const lineBytes = (message: unknown): number => JSON.stringify(message).length + 1;
  const command = { type: "put", key: said(key), value: said(value) };
  const id = said(commandId);
  let client = 0;
  for (const requestId of numbersOf(batch)) {
    const result = { type: "put", revision: PREVIOUS_INDEX + requestId, created: false };
    client += lineBytes({ ...proposeOf(requestId), commandId: id, command });
    client += lineBytes({ ...answerOf(requestId), result });
  }
  const entries = numbersOf(batch).map((number) => ({
    index: PREVIOUS_INDEX + number,
    term: TERM,
    timestampMs: TIMESTAMP_MS,
    kind: "command",
    commandId: id,
    command,
  }));
  const peer = lineBytes({ ...appendOf(batch), entries }) + lineBytes(acceptedOf(batch));
  return perPut(batch, client, peer);
}
