import {
  addressList,
  choice,
  consistency,
  duration,
  optional,
  settings,
  text,
  toggle,
} from "../config.ts";

/** The settings that every command takes. */
export const globalSettings = settings({
  endpoints: addressList({
    short: "e",
    summary: "Nodes to ask; the rest of the cluster is discovered",
    defaultText: "127.0.0.1:7238",
    isConfigurable: true,
  }),
  output: choice(["text", "json", "table"], {
    short: "o",
    summary: "How results are printed",
    defaultText: "text",
    isConfigurable: true,
  }),
  json: toggle({ summary: "The same as --output json" }),
  field: optional(text({
    placeholder: "PATH",
    summary: "Print one field of the result raw, such as leader.id",
  })),
  timeoutMs: duration({
    flag: "timeout",
    short: "t",
    summary: "Deadline of the whole command",
    defaultText: "5s",
    isConfigurable: true,
  }),
  consistency: consistency({
    summary: "How fresh a read must be",
    defaultText: "linearizable",
    isConfigurable: true,
  }),
  config: optional(text({
    placeholder: "FILE",
    summary: "Configuration file (JSON); flags and environment come first",
  })),
  quiet: toggle({ short: "q", summary: "No talk on stderr but errors" }),
  verbose: toggle({
    short: "v",
    summary: "More talk on stderr: what was asked, and how long it took",
  }),
  color: choice(["auto", "always", "never"], {
    summary: "Colours on a terminal; NO_COLOR and FORCE_COLOR are heard",
    defaultText: "auto",
  }),
  yes: toggle({ summary: "Answer yes to every question", isHidden: true }),
  help: toggle({ short: "h", summary: "Show help" }),
});
