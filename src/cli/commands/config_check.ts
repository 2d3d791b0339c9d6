import { settings, text } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { checkConfigurationFile, parseConfigurationFile } from "../resolve_settings.ts";

/** `raft config check FILE` */
export const configCheck = declareCommand({
  name: "config check",
  group: "SET-UP",
  summary: "Check a configuration file",
  description: "Every key and every value of the file is checked; nothing is sent.",
  examples: [{ command: "raft config check raft.json", note: "exit code 2 says what is wrong" }],
  arguments: settings({
    file: text({ placeholder: "FILE", summary: "The configuration file (JSON)" }),
  }),
  options: settings({}),
  async run({ host }, { arguments: { file } }) {
    const content = new TextDecoder().decode(await host.files.read(file));
    const keys = checkConfigurationFile(parseConfigurationFile(file, content));
    const count = `${keys.length} ${keys.length === 1 ? "setting" : "settings"}`;
    return { document: { ok: true, file, settings: keys }, text: `${file}: ${count}, all good` };
  },
});
