/**
 * The part of Cap'n Proto's own schema (capnp/schema.capnp) that the generator reads, as capnp-ts
 * hands it out: that package has no types for it which fit ours.
 *
 * @module
 */

/** A list as capnp-ts gives it. */
export interface CapnpList<Element> {
  toArray(): Element[];
  getLength(): number;
}

/** A parsed schema. */
export interface CodeGeneratorRequest {
  getNodes(): CapnpList<SchemaNode>;
}

/** A struct, an enum, a group or a file. */
export interface SchemaNode {
  getId(): { toString(): string };
  getDisplayName(): string;
  getDisplayNamePrefixLength(): number;
  isStruct(): boolean;
  isEnum(): boolean;
  getEnum(): { getEnumerants(): CapnpList<unknown> };
  getStruct(): SchemaStruct;
}

/** What a struct or a group consists of. */
export interface SchemaStruct {
  getIsGroup(): boolean;
  getDataWordCount(): number;
  getPointerCount(): number;
  getDiscriminantCount(): number;
  /** In units of 16 bits. */
  getDiscriminantOffset(): number;
  getFields(): CapnpList<SchemaField>;
}

/** A field. */
export interface SchemaField {
  getName(): string;
  /** 65535 outside of a union. */
  getDiscriminantValue(): number;
  isGroup(): boolean;
  getGroup(): { getTypeId(): { toString(): string } };
  getSlot(): { getOffset(): number; getType(): SchemaType; getHadExplicitDefault(): boolean };
}

/** The type of a field. */
export interface SchemaType {
  isVoid(): boolean;
  isBool(): boolean;
  isUint8(): boolean;
  isUint16(): boolean;
  isUint32(): boolean;
  isUint64(): boolean;
  isInt64(): boolean;
  isText(): boolean;
  isData(): boolean;
  isEnum(): boolean;
  getEnum(): { getTypeId(): { toString(): string } };
  isStruct(): boolean;
  getStruct(): { getTypeId(): { toString(): string } };
  isList(): boolean;
  getList(): { getElementType(): SchemaType };
}
