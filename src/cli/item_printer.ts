import type { OutputStream } from "../runtime/process.ts";
import type { Item, ItemSink } from "./command.ts";
import { NoSuchFieldError, readField } from "./field_path.ts";
import type { JsonObject } from "./json.ts";
import { formatField, formatJson, type OutputOptions } from "./output.ts";

/** How many characters of items are written at once. */
const ITEMS_TEXT_MAX = 64 * 1024;

/**
 * Prints a result that comes item by item and may be larger than memory: a line of text, a JSON
 * document or one field of it for each. As a table it is lines of text. Items that do not have the
 * field are left out; that none has it is an error.
 */
export class ItemPrinter implements ItemSink {
  readonly #output: OutputStream;
  readonly #options: OutputOptions;
  #text = "";
  #hasField = false;
  #missing: NoSuchFieldError | null = null;

  /** Prints nothing yet. */
  constructor(output: OutputStream, options: OutputOptions) {
    this.#output = output;
    this.#options = options;
  }

  /** Whether a `flush` is due before the next item. */
  get isFull(): boolean {
    return this.#text.length >= ITEMS_TEXT_MAX;
  }

  /** Whether nobody reads any more: the rest need not be made. */
  get isAbandoned(): boolean {
    return this.#output.readerIsGone;
  }

  /** Takes an item, of which only the form that is asked for is made. */
  add(item: Item): void {
    const { field, format } = this.#options;
    if (field !== undefined) this.#addField(item.document(), field);
    else if (format === "json") this.#text += formatJson(item.document(), false);
    else this.#text += `${item.line()}\n`;
  }

  /** Writes what was taken; resolves when more may come. */
  async flush(): Promise<void> {
    if (this.#missing !== null && !this.#hasField) throw this.#missing;
    const text = this.#text;
    this.#text = "";
    await this.#output.write(text);
  }

  #addField(document: JsonObject, field: string): void {
    try {
      this.#text += formatField(readField(document, field));
      this.#hasField = true;
    } catch (error) {
      if (!(error instanceof NoSuchFieldError)) throw error;
      this.#missing ??= error;
    }
  }
}
