/**
 * What a struct of the schema looks like in memory, as far as a check of untrusted bytes needs to
 * know it. The tables (generated/layouts.ts) are generated from schema/*.capnp.
 *
 * A body is a struct's own fields, or those of a group inside it. Fields in which every bit pattern
 * is valid (Bool, integers up to 32 bits, Void) are not listed.
 *
 * @module
 */

/** One field that has something to check. `tag` is its union tag, -1 outside of a union. */
export type FieldLayout =
  | {
    /** An integer of 64 bits, which must lie within ±(2^53 − 1). */
    readonly kind: "integer";
    readonly name: string;
    readonly tag: number;
    /** Its offset in the data section. */
    readonly byte: number;
    readonly signed: boolean;
  }
  | {
    /** An enum of 16 bits, which must be one of the first `count` values. */
    readonly kind: "enum";
    readonly name: string;
    readonly tag: number;
    readonly byte: number;
    readonly count: number;
  }
  | {
    /** A pointer to bytes, to UTF-8, or to a list of UTF-8. */
    readonly kind: "data" | "text" | "textList";
    readonly name: string;
    readonly tag: number;
    /** Its number in the pointer section. */
    readonly slot: number;
  }
  | {
    /** A pointer to a struct or to a list of structs. */
    readonly kind: "struct" | "structList";
    readonly name: string;
    readonly tag: number;
    readonly slot: number;
    readonly layout: StructLayout;
  }
  | {
    /** A group: fields that share the sections of the struct around them. */
    readonly kind: "group";
    readonly name: string;
    readonly tag: number;
    readonly body: BodyLayout;
  };

/** The fields of a struct or a group. */
export interface BodyLayout {
  /** The offset of the union tag (16 bits) in the data section, -1 without a union. */
  readonly tagByte: number;
  /** How many members the union has: tags are below it. */
  readonly tagCount: number;
  readonly fields: readonly FieldLayout[];
}

/** A struct. */
export interface StructLayout {
  /** The name in the schema, for error messages. */
  readonly name: string;
  /** The size of the data section in words. */
  readonly dataWords: number;
  /** The count of pointers. */
  readonly pointers: number;
  readonly body: BodyLayout;
}
