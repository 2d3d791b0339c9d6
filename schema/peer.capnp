# What peers say to each other: the RPCs of the Raft paper, and the hello that opens every
# connection.
#
# Framing: the standard Cap'n Proto stream framing, unpacked, exactly one segment a message and no
# far pointers, at most 16 MiB a frame and 4 KiB for the first one. A captured stream is readable
# with `capnp decode schema/peer.capnp PeerMessage`.
#
# Every UInt64 is at most 2^53 - 1; a larger one closes the connection. Texts are UTF-8. The ids of
# clusters and data directories are 16 bytes, or empty where they are not known.
#
# Evolution: union members, enum values and fields are only ever appended. A union member or enum
# value that a build does not know closes the connection, so nothing new is sent before the protocol
# versions of both hellos allow it; a field that a build does not know is skipped. No field has a
# default other than zero, false or empty. A struct that is an element of a list gets no more fields
# (the TypeScript library misreads shorter elements): append a second list instead.

@0xcf8ae336715091fe;

struct PeerMessage {
  # The root of every frame between peers. Whoever accepts a connection reads the first frame
  # without knowing who dialed, so ClientMessage has the same layout up to the pointer: checksum and
  # union tag in the first word, this term (there: the request id) in the second, the struct of the
  # union in pointer 0, hello with tag 0 and helloReply with tag 1.

  checksum @0 :UInt32;
  # CRC-32 (zlib) of the whole frame, segment table included, with this field as zero.

  term @1 :UInt64;
  # The sender's currentTerm; of a pre-vote request, and of the answer that grants it, the term that
  # the election would have. 0 in the hello and its reply.

  union {
    hello @2 :Hello;
    helloReply @3 :HelloReply;
    requestVoteRequest @4 :RequestVoteRequest;
    requestVoteResponse @5 :RequestVoteResponse;
    appendEntriesRequest @6 :AppendEntriesRequest;
    appendEntriesResponse @7 :AppendEntriesResponse;
    readIndexRequest @8 :ReadIndexRequest;
    readIndexResponse @9 :ReadIndexResponse;
    timeoutNow @10 :Void;
    installSnapshotRequest @11 :InstallSnapshotRequest;
    installSnapshotResponse @12 :InstallSnapshotResponse;
    stateHash @13 :StateHash;
    # From protocol version 2 on.
  }
}

struct Hello {
  # The first frame of whoever dials, peer or client.

  magicFirst @0 :UInt32;
  # 0x54464152: the bytes on the wire read "RAFT".

  magicSecond @1 :UInt32;
  # 0x36323032: the bytes on the wire read "2026".

  protocolMin @2 :UInt16;
  # The oldest protocol version that the dialer speaks, from 1 on.

  protocolMax @3 :UInt16;
  # The newest one, at least protocolMin.

  role @4 :Role;
  # What the messages after this one are: PeerMessage or ClientMessage.

  clusterId @5 :Data;
  # The cluster that the dialer belongs to or wants; 16 bytes, or empty where it does not know.

  clusterName @6 :Text;
  # The name that people gave the cluster, for error messages; may be empty.

  nodeId @7 :UInt64;
  # The dialer's id, 0 for a client.

  instanceId @8 :Data;
  # The dialer's data directory, 16 bytes; empty for a client.

  address @9 :Text;
  # HOST:PORT where the dialer is reached; empty for a client.

  targetNodeId @10 :UInt64;
  # The id that the dialer expects to reach, 0 for any.

  configurationIndex @11 :UInt64;
  # The index of the latest configuration that the dialer holds, 0 for a client or where it holds
  # none: who knows a later, committed one without the dialer can tell it that it was removed.
}

enum Role {
  # Who dials.

  peer @0;
  client @1;
}

struct HelloReply {
  # The answer to a hello, from whoever accepted the connection.

  refusal @0 :Refusal;
  # `none` where the connection is accepted; otherwise it is closed after this frame.

  protocol @1 :UInt16;
  # The version to speak: the newest that both know. 0 where there is none.

  reason @2 :Text;
  # What is wrong and how to mend it, for people; empty where accepted.

  clusterId @3 :Data;
  # The cluster of the answering node, 16 bytes; empty while it has no identity.

  clusterName @4 :Text;
  # Its name; may be empty.

  nodeId @5 :UInt64;
  # The id of the answering node.

  instanceId @6 :Data;
  # Its data directory, 16 bytes.

  address @7 :Text;
  # HOST:PORT that it tells others to reach it by.

  logTimeMs @8 :UInt64;
  # Its log time in milliseconds, for the request ids of a client.

  version @9 :Text;
  # The version of its program, for people.

  configurationIndex @10 :UInt64;
  # With removedMember: the index of the committed configuration that the dialer is not part of.
}

enum Refusal {
  # Why a connection is refused.

  none @0;
  wrongCluster @1;
  wrongInstance @2;
  wrongNode @3;
  unknownMember @4;
  noCommonVersion @5;
  tooManyConnections @6;
  notReady @7;
  removedMember @8;
  formerCluster @9;
}

struct RequestVoteRequest {
  # §5.2: a candidate asks for a vote, or (dissertation §9.6) whether it would get one.

  lastLogIndex @0 :UInt64;
  # The index of the candidate's last entry, 0 for an empty log.

  lastLogTerm @1 :UInt64;
  # The term of that entry, 0 for an empty log.

  preVote @2 :Bool;
  # True if this is a question that changes nobody's state.

  leadershipTransfer @3 :Bool;
  # True if the leader asked for this election: it passes stickiness.
}

struct RequestVoteResponse {
  # The answer to a RequestVoteRequest.

  voteGranted @0 :Bool;
  # Whether the candidate has, or would have, the vote.

  preVote @1 :Bool;
  # The preVote of the request.
}

struct AppendEntriesRequest {
  # §5.3: entries to append, or none as a heartbeat.

  prevLogIndex @0 :UInt64;
  # The index of the entry before the first one here, 0 at the start of the log.

  prevLogTerm @1 :UInt64;
  # The term of that entry, 0 at the start of the log.

  leaderCommit @2 :UInt64;
  # The leader's commitIndex.

  readSequence @3 :UInt64;
  # The round of leadership confirmation that an answer counts for (dissertation §6.4).

  entryCount @4 :UInt32;
  # How many records `entries` holds; 0 if and only if it is empty.

  entries @5 :Data;
  # Whole log records, one after the other, as they lie on disk: little endian, each padded to a
  # multiple of 8 bytes, consecutive indexes from prevLogIndex + 1 on.
  #    0  UInt32  length, header and payload, without the padding
  #    4  UInt32  CRC-32 of the bytes from offset 8 to the length
  #    8  UInt64  index
  #   16  UInt64  term
  #   24  UInt64  log time in milliseconds
  #   32  UInt8   kind: 1 no-op, 2 command, 3 configuration, 4 tick
  #   33          7 zero bytes
  #   40          payload

  session @6 :UInt32;
  # The replication session: the low 32 bits of the index of the configuration that added the
  # follower. Answers repeat it, so that those to an earlier membership of the same id are told.

  provenToken @7 :UInt32;
  # The latest ageToken of this follower for which leaderCommit covers all that was committed before
  # it was made: after it came, a quorum confirmed the leader. 0 for none.
}

struct AppendEntriesResponse {
  # The answer to an AppendEntriesRequest.

  readSequence @0 :UInt64;
  # The largest readSequence of this leader that the follower has seen.

  union {
    accepted :group {
      # The follower's log matches the leader's.

      matchIndex @1 :UInt64;
      # prevLogIndex + entryCount of that request, as far as it is durable.

      ageToken @8 :UInt32;
      # Names a moment on the follower's own clock, before this answer: see provenToken. 0 for none.
    }

    rejected :group {
      # The follower's log does not hold (prevLogIndex, prevLogTerm).

      prevLogIndex @2 :UInt64;
      # The prevLogIndex that was refused.

      hintIndex @3 :UInt64;
      # The largest index that may match.

      hintTerm @4 :UInt64;
      # The follower's term at hintIndex.
    }
  }

  session @5 :UInt32;
  # The session of the request.

  promiseMs @6 :UInt16;
  # For how long after the request the follower grants no vote but one that its leader asked for,
  # in milliseconds; 0 for no promise. A leader holds a lease while a quorum's promises last.

  storageFull @7 :Bool;
  # The follower's disk is full: its log has no room for more than it has prepared for.
}

struct ReadIndexRequest {
  # A follower asks the leader for the index that a linearizable read must wait for.

  readId @0 :UInt64;
  # Unique among the requests of this follower since it started.
}

struct ReadIndexResponse {
  # The answer to a ReadIndexRequest.

  readId @0 :UInt64;
  # The readId of the request.

  union {
    unavailable @1 :Void;
    # Not the leader, or leadership was not confirmed.

    readIndex @2 :UInt64;
    # The index to wait for.
  }
}

struct InstallSnapshotRequest {
  # §7: a chunk of a snapshot, for a follower that needs entries which the leader has compacted.

  snapshotId @0 :Data;
  # 16 bytes that name the snapshot file: chunks of different files do not fit together.

  lastIncludedIndex @1 :UInt64;
  # The last entry that the snapshot covers.

  lastIncludedTerm @2 :UInt64;
  # The term of that entry.

  totalBytes @3 :UInt64;
  # The length of the whole snapshot.

  offset @4 :UInt64;
  # Where this chunk starts in it.

  dataChecksum @5 :UInt32;
  # CRC-32 (zlib) of `data`.

  session @6 :UInt32;
  # The replication session, as in AppendEntriesRequest.

  data @7 :Data;
  # The bytes of the chunk; empty to ask how much the follower has stored.
}

struct InstallSnapshotResponse {
  # The answer to an InstallSnapshotRequest.

  snapshotId @0 :Data;
  # The snapshotId of the request.

  lastIncludedIndex @1 :UInt64;
  # The lastIncludedIndex of the request.

  storedBytes @2 :UInt64;
  # How much of that snapshot the follower has, from its start on: where to go on.

  session @3 :UInt32;
  # The session of the request.

  status @4 :SnapshotStatus;
  # How far the follower is.
}

enum SnapshotStatus {
  # How far a follower is with a snapshot.

  receiving @0;
  # It wants the bytes from storedBytes on.

  installed @1;
  # Its log is equal to the leader's up to lastIncludedIndex, durably.

  refused @2;
  # It cannot use it now: send it again, from the start and later.
}

struct StateHash {
  # What the sender's state was right after it applied an entry: every node tells every other one, and
  # each compares. Nothing answers it, and a lost one is not sent again.

  index @0 :UInt64;
  # The entry.

  tables @1 :UInt32;
  # The hash of the remembered answers and of the sessions.

  tablesVersion @2 :UInt32;
  # How that hash is made, from 1 on: those of different versions are not compared.

  machine @3 :UInt32;
  # The hash of the state machine's state, 0 where the machine gives none.

  machineVersion @4 :UInt32;
  # How that hash is made, from 1 on; 0 where the machine gives none.

  deviatesSince @5 :UInt64;
  # The entry at which the sender's state was found to differ from that of a majority; 0 where it was
  # not. It stays until the sender's data directory was replaced.
}
