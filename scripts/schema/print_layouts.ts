/**
 * Prints the tables of src/wire/struct_layout.ts for a parsed schema.
 *
 * @module
 */
import type { CodeGeneratorRequest, SchemaField, SchemaNode, SchemaType } from "./schema_node.ts";

const NO_DISCRIMINANT = 65535;

/** Prints one exported constant a struct, each behind the structs that it refers to. */
export function printLayouts(request: CodeGeneratorRequest): string {
  return new LayoutPrinter(request).print();
}

class LayoutPrinter {
  readonly #nodes = new Map<string, SchemaNode>();
  /** The constants printed so far, by the name of the constant. */
  readonly #printed = new Map<string, string>();
  /** The structs being printed: one that refers to itself has no bounded depth. */
  readonly #open = new Set<string>();

  constructor(request: CodeGeneratorRequest) {
    for (const node of request.getNodes().toArray()) {
      this.#nodes.set(node.getId().toString(), node);
    }
  }

  print(): string {
    // By name, because another version of the tool may list them in another order.
    const structs = [...this.#nodes.values()]
      .filter((node) => node.isStruct() && !node.getStruct().getIsGroup())
      .sort((one, other) => constantName(one) < constantName(other) ? -1 : 1);
    for (const node of structs) this.#struct(node);
    const imports = `import type { StructLayout } from "../struct_layout.ts";\n`;
    return `${imports}\n${[...this.#printed.values()].join("\n")}`;
  }

  /** Prints the struct unless that is done, and returns the name of its constant. */
  #struct(node: SchemaNode): string {
    const name = constantName(node);
    if (this.#printed.has(name)) return name;
    if (this.#open.has(name)) {
      throw new Error(`Cannot bound the depth of "${name}": it is recursive`);
    }
    this.#open.add(name);
    const body = this.#body(node, 2);
    this.#open.delete(name);
    const shortName = node.getDisplayName().slice(node.getDisplayNamePrefixLength());
    const struct = node.getStruct();
    this.#printed.set(
      name,
      `export const ${name}: StructLayout = {\n  name: "${shortName}",\n` +
        `  dataWords: ${struct.getDataWordCount()},\n  pointers: ${struct.getPointerCount()},\n` +
        `  body: ${body},\n};\n`,
    );
    return name;
  }

  #body(node: SchemaNode, indent: number): string {
    const struct = node.getStruct();
    const tagCount = struct.getDiscriminantCount();
    const tagByte = tagCount === 0 ? -1 : struct.getDiscriminantOffset() * 2;
    const space = " ".repeat(indent);
    const fields = struct.getFields().toArray()
      .map((field) => this.#field(field, indent + 4))
      .filter((text) => text !== null)
      .map((text) => `${space}    ${text},\n`);
    const list = fields.length === 0 ? "[]" : `[\n${fields.join("")}${space}  ]`;
    return `{\n${space}  tagByte: ${tagByte},\n${space}  tagCount: ${tagCount},\n` +
      `${space}  fields: ${list},\n${space}}`;
  }

  #field(field: SchemaField, indent: number): string | null {
    const value = field.getDiscriminantValue();
    const tag = value === NO_DISCRIMINANT ? -1 : value;
    const start = `name: "${field.getName()}", tag: ${tag}`;
    if (field.isGroup()) {
      const body = this.#body(this.#node(field.getGroup().getTypeId()), indent);
      return `{ kind: "group", ${start}, body: ${body} }`;
    }
    const slot = field.getSlot();
    if (slot.getHadExplicitDefault()) {
      throw new Error(
        `Cannot use "${field.getName()}": only fields without a default are supported`,
      );
    }
    return this.#slot(slot.getType(), { start, offset: slot.getOffset() });
  }

  #slot(type: SchemaType, at: { readonly start: string; readonly offset: number }): string | null {
    const { start, offset } = at;
    if (type.isVoid() || type.isBool()) return null;
    if (type.isUint8() || type.isUint16() || type.isUint32()) return null;
    if (type.isUint64() || type.isInt64()) {
      const signed = type.isInt64();
      return `{ kind: "integer", ${start}, byte: ${offset * 8}, signed: ${signed} }`;
    }
    if (type.isEnum()) {
      const count = this.#node(type.getEnum().getTypeId()).getEnum().getEnumerants().getLength();
      return `{ kind: "enum", ${start}, byte: ${offset * 2}, count: ${count} }`;
    }
    if (type.isText()) return `{ kind: "text", ${start}, slot: ${offset} }`;
    if (type.isData()) return `{ kind: "data", ${start}, slot: ${offset} }`;
    if (type.isStruct()) {
      const layout = this.#struct(this.#node(type.getStruct().getTypeId()));
      return `{ kind: "struct", ${start}, slot: ${offset}, layout: ${layout} }`;
    }
    if (type.isList()) return this.#list(type.getList().getElementType(), at);
    throw new Error(`Cannot use a field of this type: ${start}`);
  }

  #list(element: SchemaType, at: { readonly start: string; readonly offset: number }): string {
    if (element.isText()) return `{ kind: "textList", ${at.start}, slot: ${at.offset} }`;
    if (element.isStruct()) {
      const layout = this.#struct(this.#node(element.getStruct().getTypeId()));
      return `{ kind: "structList", ${at.start}, slot: ${at.offset}, layout: ${layout} }`;
    }
    throw new Error(`Cannot use a list of this type: ${at.start}`);
  }

  #node(id: { toString(): string }): SchemaNode {
    const node = this.#nodes.get(id.toString());
    if (node === undefined) throw new Error(`Cannot find node ${id} in the schema`);
    return node;
  }
}

/** `client.capnp:ErrorAnswer` becomes `clientErrorAnswer`. */
function constantName(node: SchemaNode): string {
  return node.getDisplayName().replace(/^.*?(\w+)\.capnp:(.*)$/, "$1$2Layout").replaceAll(".", "");
}
