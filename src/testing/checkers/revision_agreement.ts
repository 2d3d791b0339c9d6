/**
 * Every revision of a key has one value, whoever is shown it and when: what a stale read may be
 * checked by, which is of any time.
 *
 * @module
 */
import { PropertyViolation } from "./property_violation.ts";

/** A key as some answer showed it. */
export interface SeenRevision {
  readonly key: string;
  /** 0 where the key was absent, which says nothing. */
  readonly revision: number;
  readonly value: string | null;
}

/** Remembers the value of every revision that was shown. */
export class RevisionAgreement {
  readonly #seen = new Map<string, string | null>();

  /** An answer showed a key. */
  onSeen({ key, revision, value }: SeenRevision): void {
    if (revision === 0) return;
    const name = `${key}@${revision}`;
    const known = this.#seen.get(name);
    if (known === undefined) this.#seen.set(name, value);
    else if (known !== value) {
      throw new PropertyViolation(
        "Revision agreement",
        `revision ${revision} of "${key}" was ${known}, and is ${value} to somebody else`,
      );
    }
  }
}
