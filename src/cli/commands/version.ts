import { settings } from "../../config.ts";
import { SEGMENT_FORMAT_VERSION } from "../../log/segment_header.ts";
import { PROTOCOL_VERSION_MAX } from "../../wire/hello.ts";
import { declareCommand } from "../command.ts";

/** `raft version` */
export const version = declareCommand({
  name: "version",
  group: "SET-UP",
  summary: "Version, commit, protocol, data format and runtime",
  description: "Two programs work together if they share a protocol version.",
  examples: [
    { command: "raft version -o json", note: "for scripts and bug reports" },
    { command: "raft version --field version", note: "the number alone" },
  ],
  arguments: settings({}),
  options: settings({}),
  async run({ runtime, program }) {
    const { name, version } = await runtime();
    const document = {
      version: program.version,
      commit: program.commit,
      protocol: PROTOCOL_VERSION_MAX,
      format: SEGMENT_FORMAT_VERSION,
      runtime: { name, version },
    };
    const text = `raft ${document.version} (commit ${document.commit}, ` +
      `protocol ${document.protocol}, format ${document.format}, ${name} ${version})`;
    return { document, text };
  },
});
