import { UsageError } from "../config/usage_error.ts";

/** What a backslash means inside double quotes. */
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

/** A line cut into words, or the reason why it cannot be. */
class WordSplitter {
  readonly words: string[] = [];
  readonly #line: string;
  #position = 0;
  #word: string | null = null;

  constructor(line: string) {
    this.#line = line;
  }

  split(): string[] {
    while (this.#position < this.#line.length) {
      const character = this.#line[this.#position]!;
      this.#position += 1;
      if (character === " " || character === "\t") this.#endWord();
      else if (character === "#" && this.#word === null) break;
      else if (character === "'") this.#append(this.#until("'", false));
      else if (character === '"') this.#append(this.#until('"', true));
      else if (character === "\\") this.#append(this.#next());
      else this.#append(character);
    }
    this.#endWord();
    return this.words;
  }

  #append(text: string): void {
    this.#word = (this.#word ?? "") + text;
  }

  #endWord(): void {
    if (this.#word !== null) this.words.push(this.#word);
    this.#word = null;
  }

  #next(): string {
    const character = this.#line[this.#position];
    if (character === undefined) {
      throw new UsageError("The line ends behind a backslash", { fix: ["write \\\\ for one"] });
    }
    this.#position += 1;
    return character;
  }

  /** The text up to the closing quote. */
  #until(quote: string, hasEscapes: boolean): string {
    let text = "";
    for (;;) {
      const character = this.#line[this.#position];
      if (character === undefined) {
        throw new UsageError(`The closing ${quote} is missing`, {
          fix: ["quotes come in pairs; a quote inside a word: \\' or \\\""],
        });
      }
      this.#position += 1;
      if (character === quote) return text;
      if (hasEscapes && character === "\\") {
        const escaped = this.#next();
        text += ESCAPES[escaped] ?? escaped;
      } else text += character;
    }
  }
}

/**
 * Cuts a line of the shell into words: quotes hold words together, a backslash takes the next
 * character as it is (and `\n`, `\t`, `\r`, `\0` inside double quotes), `#` begins a comment.
 *
 * @param line What was typed.
 */
export function splitWords(line: string): string[] {
  return new WordSplitter(line).split();
}
