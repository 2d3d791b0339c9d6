import type { CountScenario, Measurement } from "../scenario.ts";
import { countJsonBytes, countWireBytes, type WireBytes } from "../wire_bytes.ts";

const BATCHES = [1, 64, 256];

function measurements(count: (batch: number) => WireBytes): Measurement[] {
  return BATCHES.map((batch) => ({
    name: batch === 1 ? "put of 16 + 128 bytes, alone" : `put of 16 + 128 bytes, batch of ${batch}`,
    figures: { ...count(batch) },
  }));
}

/** Bytes on the wire, three nodes. */
export const wire: CountScenario = {
  name: "wire",
  summary: "bytes of a put of 16 + 128 bytes on the wire, counted, beside lines of JSON",
  count: () => ({
    "raft": measurements(countWireBytes),
    "JSON, bytes in base64": measurements((batch) => countJsonBytes(batch, "base64")),
    "JSON, bytes as text": measurements((batch) => countJsonBytes(batch, "text")),
  }),
};
