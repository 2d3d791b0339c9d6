import {
  address,
  addressList,
  choice,
  duration,
  integer,
  optional,
  peerList,
  settings,
  size,
  text,
  toggle,
} from "../config.ts";
import {
  SEGMENT_BYTES_MAX,
  SEGMENT_BYTES_MIN,
  SNAPSHOT_BYTES_MIN,
  SNAPSHOT_EVERY_DEFAULT,
  TRAILING_ENTRIES_DEFAULT,
} from "../limits.ts";

/** The settings of `raft start`. */
export const startSettings = settings({
  id: integer({
    placeholder: "N",
    summary: "The id of this node: a positive integer, its own for ever",
    min: 1,
    isConfigurable: true,
  }),
  data: optional(text({
    placeholder: "DIR",
    summary: "Data directory",
    defaultNote: "raft-data/ID",
    isConfigurable: true,
  })),
  listen: optional(address({
    summary: "Where to listen, for peers and clients alike",
    defaultNote: "this node's entry in --peers, its stored address, or 127.0.0.1:7238",
    isConfigurable: true,
  })),
  advertise: optional(address({
    summary: "Where others reach this node; needed if --listen is a wildcard",
    defaultNote: "its stored address, its entry in --peers, or --listen",
    isConfigurable: true,
  })),
  bootstrap: toggle({
    summary: "First start: found a cluster of this one node",
    isConfigurable: true,
  }),
  peers: optional(peerList({
    placeholder: "1=H:P,2=H:P,…",
    summary: "First start: found a cluster of these nodes, this one included",
    isConfigurable: true,
  })),
  join: optional(addressList({
    summary: "First start: join the cluster of these nodes; first as a learner",
    isConfigurable: true,
  })),
  learner: toggle({
    summary: "With --join: stay a learner, without a vote",
    isConfigurable: true,
  }),
  cluster: optional(text({
    placeholder: "NAME",
    summary: "The name of the cluster",
    defaultNote: "the stored name, or raft",
    isConfigurable: true,
  })),
  http: optional(address({
    summary: "Where to answer /metrics (Prometheus), /health and /status",
    defaultNote: "nowhere",
    isConfigurable: true,
  })),
  heartbeatMs: duration({
    flag: "heartbeat",
    summary: "How often a leader is heard",
    defaultText: "100ms",
    isConfigurable: true,
  }),
  electionTimeoutMs: duration({
    flag: "election-timeout",
    summary: "How long a follower waits for its leader",
    defaultText: "1s",
    isConfigurable: true,
  }),
  leaseReads: toggle({
    summary:
      "Answer --consistency lease without a message; needs it on all nodes, and sound clocks",
    isConfigurable: true,
  }),
  snapshotEvery: integer({
    placeholder: "ENTRIES",
    summary:
      "Take a snapshot when so many entries were applied since the last; where that one is " +
      "large, not before as many bytes",
    min: 1,
    defaultText: String(SNAPSHOT_EVERY_DEFAULT),
    isConfigurable: true,
  }),
  snapshotBytes: size({
    summary: "Take a snapshot when so much of the log was applied since the last",
    min: SNAPSHOT_BYTES_MIN,
    defaultText: "256MiB",
    isConfigurable: true,
  }),
  trailingEntries: integer({
    placeholder: "ENTRIES",
    summary: "Keep so many entries that a snapshot covers, for nodes that were away for a moment",
    min: 0,
    defaultText: String(TRAILING_ENTRIES_DEFAULT),
    isConfigurable: true,
  }),
  segmentBytes: size({
    summary: "Size of a log file",
    min: SEGMENT_BYTES_MIN,
    max: SEGMENT_BYTES_MAX,
    defaultText: "16MiB",
    isConfigurable: true,
  }),
  ready: choice(["listening", "joined", "leader"], {
    summary: "What READY means: log replayed and listening, or wait for more",
    defaultText: "listening",
    isConfigurable: true,
  }),
  readyFile: optional(text({
    placeholder: "FILE",
    summary: "Written when the node is ready",
    isConfigurable: true,
  })),
  logLevel: choice(["debug", "info", "warn", "error"], {
    summary: "The least important log lines to show",
    defaultText: "info",
    isConfigurable: true,
  }),
  logFormat: choice(["auto", "text", "json"], {
    summary: "Form of log lines; auto is text on a terminal and JSON elsewhere",
    defaultText: "auto",
    isConfigurable: true,
  }),
  trace: optional(text({
    placeholder: "FILE",
    summary: "Write every transition of the core for a model checker; see docs/TRACE.md",
  })),
  stopWithInput: toggle({
    summary: "Stop when standard input ends",
    isHidden: true,
  }),
});
