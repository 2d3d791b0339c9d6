/**
 * Keys and what is known of them, as elements of results.
 *
 * @module
 */
import type { List } from "capnp-ts";
import type { Item } from "./generated/kv.ts";
import type { KvItem } from "./kv_messages.ts";
import { setData, toNumber, toUint64 } from "./library_message.ts";

/** Sets the elements of a list that has room for all of `items`. */
export function fillItems(list: List<Item>, items: readonly KvItem[]): void {
  for (const [i, item] of items.entries()) fillItem(list.get(i), item);
}

/** Reads all elements of a list. */
export function readItems(list: List<Item>): KvItem[] {
  const items: KvItem[] = [];
  for (let i = 0; i < list.getLength(); i += 1) items.push(readItem(list.get(i)));
  return items;
}

/** Sets the fields of one item. */
export function fillItem(struct: Item, item: KvItem): void {
  struct.setRevision(toUint64(item.revision));
  struct.setCreateRevision(toUint64(item.createRevision));
  struct.setVersion(toUint64(item.version));
  setData((length) => struct.initKey(length), item.key);
  setData((length) => struct.initValue(length), item.value);
}

/** Reads one item. */
export function readItem(struct: Item): KvItem {
  return {
    key: struct.getKey().toUint8Array(),
    value: struct.getValue().toUint8Array(),
    revision: toNumber(struct.getRevision()),
    createRevision: toNumber(struct.getCreateRevision()),
    version: toNumber(struct.getVersion()),
  };
}
