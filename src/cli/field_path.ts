import { nearestMatch } from "../config/nearest_match.ts";
import { isJsonObject, type Json, type JsonObject } from "./json.ts";

/** A field that a result does not have. */
export class NoSuchFieldError extends Error {
  override readonly name = "NoSuchFieldError";
  /** What to ask for instead. */
  readonly fix: readonly string[];

  /** Creates the error for the part of the path that does not exist. */
  constructor(path: string, part: string, available: readonly string[]) {
    super(`Cannot print field "${path}": there is no "${part}"`);
    const near = nearestMatch(part, available);
    this.fix = [
      ...(near === undefined ? [] : [`did you mean "${near}"?`]),
      available.length === 0 ? "it has no fields" : `it has: ${available.join(", ")}`,
    ];
  }
}

/** The names that one step further may go. */
function namesIn(value: Json): string[] {
  if (Array.isArray(value)) return value.map((_, position) => String(position));
  return isJsonObject(value) ? Object.keys(value) : [];
}

/**
 * The value at a path such as `leader.id` or `members.0.address` (also `members[0].address`).
 *
 * @param document Where to look.
 * @param path The names from the outside in.
 */
export function readField(document: JsonObject, path: string): Json {
  const parts = path.replaceAll(/\[(\d+)\]/g, ".$1").split(".").filter((part) => part !== "");
  let value: Json = document;
  for (const part of parts) {
    const next: Json | undefined = Array.isArray(value)
      ? (value as readonly Json[])[Number(part)]
      : isJsonObject(value)
      ? value[part]
      : undefined;
    if (next === undefined) throw new NoSuchFieldError(path, part, namesIn(value));
    value = next;
  }
  return value;
}
