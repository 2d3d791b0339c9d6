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
# Time is log time in milliseconds: it runs while there is a leader. What expires is gone from the first
# entry on that is applied behind its deadline.
#
# Evolution: union members, enum values and fields are only ever appended. A command that does
# something else than before is a new union member, never a new field of an old one: a build that
# does not know it would skip the field and differ from the others. A leader refuses a command whose
# union member it does not know, and a node that finds one in its log stops. A query like that is
# answered as invalid.

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

    putExpiring :group {
      # Sets a key that goes away by itself. (A put takes away whatever was to expire the key.)

      key @10 :Data;
      value @11 :Data;

      condition @12 :Condition;
      # When to do it; null for always.

      returnPrevious @13 :Bool;
      # Whether to answer with what the key held before.

      ttlMs @14 :UInt64;
      # How long the key lives, from 1 on; 0 where it lives as long as its lease.

      leaseId @15 :UInt64;
      # The lease that it belongs to; 0 where it has a time of its own.
    }

    leaseGrant :group {
      # Creates a lease, whose id is the index of this command.

      ttlMs @16 :UInt64;
      # How long it lives after each keep-alive, from 1 on.
    }

    leaseKeepAlive :group {
      # Lets a lease live for its full time from now on.

      leaseId @17 :UInt64;
    }

    leaseRevoke :group {
      # Ends a lease and removes its keys.

      leaseId @18 :UInt64;
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

    lease :group {
      # One lease.

      leaseId @5 :UInt64;

      after @6 :Data;
      # Of its keys only those greater than this one; empty for all.

      limit @7 :UInt32;
      # The most keys in the answer; 0 for the state machine's own limit.
    }

    leases :group {
      # The leases, ascending by id.

      afterId @8 :UInt64;
      # Only those with a greater id; 0 for all.

      limit @9 :UInt32;
      # The most leases in the answer; 0 for the state machine's own limit.
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

struct Lease {
  # A lease and what is known of it. A list element: it never grows.

  id @0 :UInt64;
  # The index of the command that granted it.

  ttlMs @1 :UInt64;
  # How long it lives after each keep-alive.

  remainingMs @2 :UInt64;
  # How long it still lives unless it is kept alive; 0 where its end is due.

  keyCount @3 :UInt64;
  # How many keys belong to it.
}

struct Result {
  # The answer to a command or a query.

  revision @0 :UInt64;
  # Of put and increment: the revision that they made. Of delete and deletePrefix: the index of the
  # command. Of get: the revision of the key, 0 where it does not exist. Of list: the last index that
  # was applied. Of conditionFailed: the revision of the key, 0 where it does not exist. Of invalid: 0.
  # Of lease, leases and leaseNotFound: the last index that was applied, which is that of a command.

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

    lease :group {
      # One lease: as it is now, or as the command left it.

      lease @13 :Lease;

      items @14 :List(Item);
      # Its keys without their values, ascending, where a query asked for them.

      more @15 :Bool;
      # True if there are more behind the last item.
    }

    leases :group {
      # Leases, ascending by id.

      leases @16 :List(Lease);
      # What was found, as much as the limits allow.

      more @17 :Bool;
      # True if there is more behind the last one.
    }

    leaseNotFound :group {
      # There is no such lease, and nothing was changed.

      leaseId @18 :UInt64;
    }
  }
}
