/**
 * Completion scripts, made from the declarations of the commands.
 *
 * @module
 */
import { fieldsOf, type SettingField, type Settings } from "../config.ts";
import { globalSettings } from "../config/global_settings.ts";
import type { Command } from "./command.ts";

/** The shells that there is a script for. */
export const completionShells = ["bash", "zsh", "fish"] as const;

/** One of the shells. */
export type CompletionShell = (typeof completionShells)[number];

/** What may follow some words. */
interface Node {
  /** The words before it, such as `wait leader`; empty at the start. */
  readonly path: string;
  /** Words that may come next, with what they do. */
  readonly words: readonly (readonly [string, string])[];
  readonly flags: readonly SettingField[];
}

function visible(group: unknown): SettingField[] {
  return fieldsOf(group as Settings).filter(({ isHidden }) => !isHidden);
}

/** The choices of the first argument that has some. */
function argumentWords(command: Command): (readonly [string, string])[] {
  const choices = fieldsOf(command.arguments).find((field) => field.choices)?.choices ?? [];
  return choices.map((word) => [word, ""] as const);
}

/** Every place where TAB may be pressed. */
function nodesOf(commands: readonly Command[]): Node[] {
  const globals = visible(globalSettings);
  const groups = new Map<string, [string, string][]>();
  const leaves: Node[] = commands.map((command) => {
    const [first = "", second] = command.name.split(" ");
    if (second !== undefined) {
      groups.set(first, [...groups.get(first) ?? [], [second, command.summary]]);
    }
    return {
      path: command.name,
      words: argumentWords(command),
      flags: [...visible(command.options), ...globals],
    };
  });
  const groupNodes = [...groups].map(([path, words]): Node => ({ path, words, flags: globals }));
  const singles = commands.filter(({ name }) => !name.includes(" "));
  const top: (readonly [string, string])[] = [
    ...singles.map(({ name, summary }) => [name, summary] as const),
    ...[...groups].map(([name, words]) => [name, words.map(([word]) => word).join(", ")] as const),
  ];
  return [{ path: "", words: top, flags: globals }, ...groupNodes, ...leaves];
}

/** Flags whose values TAB knows, each once. */
function choiceFlags(nodes: readonly Node[]): SettingField[] {
  const byFlag = new Map<string, SettingField>();
  for (const field of nodes.flatMap(({ flags }) => flags)) {
    if (field.choices !== undefined) byFlag.set(field.flag, field);
  }
  return [...byFlag.values()];
}

/** Flags that name a file or a directory. */
function pathFlags(nodes: readonly Node[]): string[] {
  const fields = nodes.flatMap(({ flags }) => flags);
  const paths = fields.filter(({ placeholder }) => placeholder === "FILE" || placeholder === "DIR");
  return [...new Set(paths.map(({ flag }) => `--${flag}`))];
}

function valueCases(nodes: readonly Node[], reply: (words: string) => string): string {
  return choiceFlags(nodes).map(({ flag, short, choices }) => {
    const names = short === undefined ? `--${flag}` : `--${flag}|-${short}`;
    return `    ${names}) ${reply((choices ?? []).join(" "))}; return ;;`;
  }).join("\n");
}

/** Finds the path of a node: the words of the line that name a command, joined. */
function pathLoop(nodes: readonly Node[]): string {
  const names = nodes.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`).join("|");
  return `  local path="" word
  for word in "\${words_before[@]}"; do
    case "\${path:+$path }$word" in
      ${names}) path="\${path:+$path }$word" ;;
    esac
  done`;
}

function nodeCases(nodes: readonly Node[]): string {
  return nodes.map(({ path, words, flags }) => {
    const names = words.map(([word]) => word).join(" ");
    const long = flags.map(({ flag }) => `--${flag}`).join(" ");
    return `    "${path}") names="${names}"; flags="${long}" ;;`;
  }).join("\n");
}

function bashScript(nodes: readonly Node[]): string {
  return `# TAB completion of raft for bash
_raft() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}"
  local words_before=("\${COMP_WORDS[@]:1:COMP_CWORD - 1}") names="" flags=""
  case "$previous" in
${valueCases(nodes, (words) => `COMPREPLY=($(compgen -W "${words}" -- "$current"))`)}
    ${pathFlags(nodes).join("|")}) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
${pathLoop(nodes)}
  case "$path" in
${nodeCases(nodes)}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *) COMPREPLY=($(compgen -W "$names" -- "$current")) ;;
  esac
}
complete -o default -F _raft raft
`;
}

function zshScript(nodes: readonly Node[]): string {
  return `#compdef raft
# TAB completion of raft for zsh
_raft() {
  local current="\${words[CURRENT]}" previous="\${words[CURRENT - 1]}"
  local words_before=("\${(@)words[2,CURRENT - 1]}") names="" flags=""
  case "$previous" in
${valueCases(nodes, (words) => `compadd -- ${words}`)}
    ${pathFlags(nodes).join("|")}) _files; return ;;
  esac
${pathLoop(nodes)}
  case "$path" in
${nodeCases(nodes)}
  esac
  case "$current" in
    -*) compadd -- \${=flags} ;;
    *) [[ -n "$names" ]] && compadd -- \${=names} ;;
  esac
}
compdef _raft raft
`;
}

/** A word inside single quotes of fish. */
function fishQuote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function fishFlag(field: SettingField, condition: string): string {
  const { flag, short, summary, isSwitch, choices, placeholder } = field;
  const isPath = placeholder === "FILE" || placeholder === "DIR";
  return [
    "complete -c raft",
    condition,
    `-l ${flag}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(isSwitch ? [] : [isPath ? "-r -F" : "-x"]),
    ...(choices === undefined ? [] : [`-a ${fishQuote(choices.join(" "))}`]),
    `-d ${fishQuote(summary)}`,
  ].filter((part) => part !== "").join(" ");
}

function fishScript(nodes: readonly Node[]): string {
  const lines = ["# TAB completion of raft for fish", "complete -c raft -f"];
  const globals = new Set(visible(globalSettings).map(({ flag }) => flag));
  for (const field of visible(globalSettings)) lines.push(fishFlag(field, ""));
  for (const { path, words, flags } of nodes) {
    const seen = path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`).join(
      "; and ",
    );
    const condition = `-n ${fishQuote(path === "" ? "__fish_use_subcommand" : seen)}`;
    for (const [word, summary] of words) {
      lines.push(`complete -c raft ${condition} -a ${word} -d ${fishQuote(summary)}`);
    }
    for (const field of flags) {
      if (!globals.has(field.flag)) lines.push(fishFlag(field, condition));
    }
  }
  return `${lines.join("\n")}\n`;
}

/**
 * The script for a shell.
 *
 * @param shell Which shell.
 * @param commands The commands that there are, loaded.
 */
export function completionScript(shell: CompletionShell, commands: readonly Command[]): string {
  const nodes = nodesOf(commands);
  switch (shell) {
    case "bash":
      return bashScript(nodes);
    case "zsh":
      return zshScript(nodes);
    case "fish":
      return fishScript(nodes);
  }
}
