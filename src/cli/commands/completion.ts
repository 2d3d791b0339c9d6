import { choice, settings } from "../../config.ts";
import { declareCommand } from "../command.ts";
import { completionScript, completionShells } from "../completion.ts";
import { loadCommands } from "../help.ts";

/** `raft completion bash|zsh|fish` */
export const completion = declareCommand({
  name: "completion",
  group: "SET-UP",
  summary: "TAB completion for your shell",
  description: "Prints a script; load it from the start-up file of your shell.",
  examples: [
    { command: 'eval "$(raft completion bash)"', note: "in ~/.bashrc" },
    { command: 'eval "$(raft completion zsh)"', note: "in ~/.zshrc" },
    { command: "raft completion fish | source", note: "in ~/.config/fish/config.fish" },
  ],
  arguments: settings({ shell: choice(completionShells, { summary: "Which shell" }) }),
  options: settings({}),
  async run({ catalogue }, { arguments: { shell } }) {
    const script = completionScript(shell, await loadCommands(catalogue));
    return { document: { shell, script }, text: script };
  },
});
