# The commands, queries and results of the built-in key-value state machine. They travel inside the
# `command`, `query` and `result` of client.capnp, and commands inside log records; the length is
# known there, so they are flat: one segment without a segment table, no far pointers. Readable with
# `capnp decode --flat schema/kv.capnp Command`.
#
# A writer may leave out trailing words that are zero, as Cap'n Proto allows: a put of a key and a
# value without more is the root pointer, two pointers and the bytes.
#
# Keys are 1 byte to 64 KiB, values 0 bytes to 8 MiB; both are any bytes, and keys are ordered byte by
# byte. A revision is the index of the log entry that wrote: at most 2^53 - 1, 0 for "never".
#
# Evolution: union members, enum values and fields are only ever appended. A command whose union
# member or enum value a build does not know is answered as invalid.

@0xefeecad7db0360b8;

struct Command {
  # What changes the state.

  union {
    put :group {
      # Sets a key.

      key @0 :Data;
      value @1 :Data;

      condition @2 :Condition;
      # When to do it; null for always.

      returnPrevious @3 :Bool;
      # Whether to answer with what the key held before.
    }

    delete :group {
      # Removes a key.

      key @4 :Data;

      condition @5 :Condition;
      # When to do it; null for always.
    }

    deletePrefix :group {
      # Removes every key that starts with a prefix.

      prefix @6 :Data;
      # May be empty: every key.

      dryRun @7 :Bool;
      # True to count and change nothing.
    }

    increment :group {
      # Adds to a key that holds a decimal integer; a missing key counts as 0.

      key @8 :Data;

      amount @9 :Int64;
      # From -(2^53 - 1) to 2^53 - 1.
    }
  }
}

struct Condition {
  # What must hold of the key for a command to take effect.

  union {
    none @0 :Void;
    # Nothing.

    revision @1 :UInt64;
    # Its revision is this one; 0: it does not exist.

    value @2 :Data;
    # It exists and holds exactly these bytes.

    absent @3 :Void;
    # It does not exist.

    present @4 :Void;
    # It exists.
  }
}

struct Query {
  # What reads the state.

  union {
    get :group {
      # One key.

      key @0 :Data;
    }

    list :group {
      # Keys with a prefix, ascending.

      prefix @1 :Data;
      # May be empty: every key.

      after @2 :Data;
      # Only keys greater than this one; empty for all.

      limit @3 :UInt32;
      # The most items in the answer; 0 for the state machine's own limit.

      withValues @4 :Bool;
      # Whether items carry values.
    }
  }
}

struct Item {
  # A key and what is known of it.

  revision @0 :UInt64;
  # The index that last wrote it.

  createRevision @1 :UInt64;
  # The index that created it.

  version @2 :UInt64;
  # How often it was written since then, from 1 on.

  key @3 :Data;
  # Empty where the question named it.

  value @4 :Data;
  # Empty where it was not asked for.
}

struct Result {
  # The answer to a command or a query.

  revision @0 :UInt64;
  # Of put and increment: the revision that they made. Of delete and deletePrefix: the index of the
  # command. Of get: the revision of the key, 0 where it does not exist. Of list: the last index that
  # was applied. Of conditionFailed: the revision of the key, 0 where it does not exist. Of invalid: 0.

  union {
    put :group {
      # The key was set.

      created @1 :Bool;
      # True if it did not exist before.

      previous @2 :Item;
      # What it held before, where that was asked for and it existed; else null.
    }

    delete :group {
      # Keys were removed.

      count @3 :UInt64;
      # How many, 0 where there were none.
    }

    increment :group {
      # The key was counted up or down.

      value @4 :Int64;
      # What it holds now, from -(2^53 - 1) to 2^53 - 1.
    }

    conditionFailed :group {
      # The condition did not hold and nothing was changed.

      current @5 :Item;
      # What the key holds; null where it does not exist.
    }

    invalid @6 :Text;
    # The command or query cannot be carried out, and why: it changed nothing.

    get :group {
      # One key.

      found @7 :Bool;
      # Whether it exists.

      createRevision @8 :UInt64;
      # The index that created it.

      version @9 :UInt64;
      # How often it was written since then, from 1 on.

      value @10 :Data;
      # What it holds.
    }

    list :group {
      # Keys, ascending.

      items @11 :List(Item);
      # What was found, as much as the limits allow.

      more @12 :Bool;
      # True if there is more behind the last item.
    }
  }
}
