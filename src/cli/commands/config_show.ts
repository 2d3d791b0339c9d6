import { settings, toggle } from "../../config.ts";
import { declareCommand } from "../command.ts";
import type { ResolvedField } from "../resolve_settings.ts";

/** Where a value comes from, by name. */
function sourceOf({ field, source }: ResolvedField, path: string | undefined): string {
  switch (source) {
    case "flag":
      return `flag --${field.flag}`;
    case "environment":
      return `environment ${field.environment}`;
    case "file":
      return `file ${path ?? ""}`.trim();
    case "default":
      return "default";
    case "unset":
      return field.defaultNote === undefined ? "not set" : `default: ${field.defaultNote}`;
  }
}

function valueOf({ raw, source, field }: ResolvedField): string | null {
  if (source === "unset") return field.isSwitch ? "false" : null;
  return String(raw);
}

/** `raft config show` */
export const configShow = declareCommand({
  name: "config show",
  group: "SET-UP",
  summary: "The settings in effect",
  description:
    "A value comes from the flag, else the variable, else the configuration file, else " +
    "the default. --explain says which of them it was.",
  examples: [
    { command: "raft config show --explain", note: "where each value comes from" },
    { command: "raft config show --config raft.json -o json", note: "with a file, for scripts" },
  ],
  arguments: settings({}),
  options: settings({ explain: toggle({ summary: "Say where each value comes from" }) }),
  run(context, { options: { explain } }) {
    const path = context.globals.config ?? context.host.environment["RAFT_CONFIG"];
    const rows = context.resolved
      .filter(({ field }) => field.isConfigurable === true && field.isHidden !== true)
      .map((one) => ({
        name: one.field.fileKey,
        value: valueOf(one),
        source: sourceOf(one, path),
        variable: one.field.environment,
      }));
    const width = Math.max(...rows.map(({ name }) => name.length));
    const valueWidth = Math.max(...rows.map(({ value }) => (value ?? "-").length));
    const lines = rows.map(({ name, value, source }) => {
      const start = `${name.padEnd(width)}  ${value ?? "-"}`;
      return explain ? `${start.padEnd(width + 2 + valueWidth)}  ${source}` : start;
    });
    const entries = rows.map(({ name, value, source, variable }) =>
      [name, explain ? { value, source, variable } : value] as const
    );
    return Promise.resolve({
      document: Object.fromEntries(entries),
      text: lines.join("\n"),
      table: {
        columns: explain ? ["setting", "value", "source"] : ["setting", "value"],
        rows: rows.map(({ name, value, source }) =>
          explain ? [name, value ?? "-", source] : [name, value ?? "-"]
        ),
      },
    });
  },
});
