import { optional, settings, text } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { helpPage } from "../help.ts";

/** `raft help` */
export const help = declareCommand({
  name: "help",
  group: "SET-UP",
  summary: "This page, or more on a command or topic",
  description: "Topics besides the commands: flags, exit-codes, recover.",
  examples: [
    { command: "raft help put", note: "everything about one command" },
    { command: "raft help exit-codes", note: "what scripts can rely on" },
  ],
  arguments: settings({
    topic: optional(text({ placeholder: "TOPIC", summary: "A command or topic", isRest: true })),
  }),
  options: settings({}),
  async run({ catalogue, style }, { arguments: { topic } }) {
    const words = (topic ?? "").split(" ").filter((word) => word !== "");
    const page = await helpPage(words, { catalogue, style });
    return { document: { help: page }, text: page };
  },
});
