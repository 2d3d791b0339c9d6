import { settings } from "../../config.ts";
import { configurationJsonSchema } from "../../config/configuration_file.ts";
import { declareCommand } from "../command.ts";
import type { JsonObject } from "../json.ts";

/** `raft config schema` */
export const configSchema = declareCommand({
  name: "config schema",
  group: "SET-UP",
  summary: "The JSON schema of a configuration file",
  description: "For editors: store it, and name it in the file's $schema.",
  examples: [{ command: "raft config schema > raft.schema.json", note: "for your editor" }],
  arguments: settings({}),
  options: settings({}),
  run() {
    const document = configurationJsonSchema() as JsonObject;
    return Promise.resolve({ document, text: JSON.stringify(document, null, 2) });
  },
});
