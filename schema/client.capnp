# What clients and nodes say to each other. Framing, limits and evolution are those of peer.capnp;
# a captured stream is readable with `capnp decode schema/client.capnp ClientMessage`.

@0xf4e8e61c1d0079ff;

using Peer = import "peer.capnp";
using Storage = import "storage.capnp";

struct ClientMessage {
  # The root of every frame between a client and a node. Its layout is that of PeerMessage as far as
  # the hello and its reply go: see there.

  checksum @0 :UInt32;
  # CRC-32 (zlib) of the whole frame, segment table included, with this field as zero.

  requestId @1 :UInt64;
  # Chosen by the client, unique among its unanswered requests on this connection; the answer repeats
  # it. Answers come in any order. 0 in the hello and its reply.

  union {
    hello @2 :Peer.Hello;
    helloReply @3 :Peer.HelloReply;

    # From the client:
    propose @4 :Propose;
    query @5 :Query;
    status @6 :Void;

    # From the node:
    proposeAnswer @7 :ProposeAnswer;
    queryAnswer @8 :QueryAnswer;
    statusAnswer @9 :StatusAnswer;
    errorAnswer @10 :ErrorAnswer;

    # From the client:
    changeMembership @11 :ChangeMembership;
    transferLeadership @12 :TransferLeadership;
    triggerSnapshot @13 :Void;

    # From the node:
    membershipAnswer @14 :MembershipAnswer;
    transferAnswer @15 :TransferAnswer;
    snapshotAnswer @16 :SnapshotAnswer;

    # From the client:
    openSnapshot @17 :OpenSnapshot;
    readSnapshot @18 :ReadSnapshot;

    # From the node:
    snapshotOpened @19 :SnapshotOpened;
    snapshotData @20 :SnapshotData;
  }
}

struct Propose {
  # A command for the replicated state machine.

  commandId @0 :Data;
  # 16 bytes that name the command for ever: a retry repeats them and is applied once. Integers are
  # big endian. With the top bit clear it is a request id: 6 bytes of log time at issue in
  # milliseconds and 10 random bytes (or 6 zero bytes and 10 that a user chose). With the top bit set
  # it is of a session: 63 bits session number, 40 bits sequence number, 24 bits distance to the
  # lowest sequence number without an answer. Session number 0 opens a session: the other 8 bytes are
  # a nonce, `command` is 8 bytes, 1 and the time-out in milliseconds, and the index of the answer is
  # the session number. Sequence number 0 speaks of its session: `command` is the byte 1 to keep it
  # alive, 2 to close it.

  command @1 :Data;
  # What the state machine gets, such as a Command of kv.capnp.
}

struct Query {
  # A read-only query for the state machine of the node that is asked.

  consistency @0 :Consistency;
  # How fresh the answer must be.

  maxAgeMs @1 :UInt64;
  # For a stale read: the oldest state that is good enough, in milliseconds; 0 for any.

  query @2 :Data;
  # What the state machine gets, such as a Query of kv.capnp.
}

enum Consistency {
  # How fresh a read must be.

  linearizable @0;
  # Sees every write that was acknowledged before the read began.

  lease @1;
  # The same, provided that clocks drift less than the cluster's setting says.

  stale @2;
  # What this node has applied.
}

struct ProposeAnswer {
  # The command was applied, now or (a retry) before.

  index @0 :UInt64;
  # The index of its entry.

  term @1 :UInt64;
  # The term of that entry.

  duplicate @2 :Bool;
  # True if it had been applied before; `result` is the first answer then.

  result @3 :Data;
  # What the state machine answered.
}

struct QueryAnswer {
  # The answer of a query.

  servedBy @0 :UInt64;
  # The id of the node that answered.

  index @1 :UInt64;
  # The last index that was applied when it did.

  ageMs @2 :UInt64;
  # Of a stale read: milliseconds since the state here is known to have held everything that was
  # committed, rounded up; otherwise 0.

  result @3 :Data;
  # What the state machine answered.
}

struct StatusAnswer {
  # A node's view of itself and of the cluster.

  nodeId @0 :UInt64;
  # The answering node.

  role @1 :NodeRole;
  # What it is at the moment.

  term @2 :UInt64;
  # Its currentTerm.

  leaderId @3 :UInt64;
  # The leader that it knows, 0 for none.

  leaderAddress @4 :Text;
  # HOST:PORT of that leader, empty where unknown.

  clusterId @5 :Data;
  # 16 bytes; empty while the node has no identity.

  clusterName @6 :Text;
  # The name that people gave the cluster.

  commitIndex @7 :UInt64;
  # The last index known to be committed.

  appliedIndex @8 :UInt64;
  # The last index that the state machine has applied.

  firstIndex @9 :UInt64;
  # The first index that the log holds.

  lastIndex @10 :UInt64;
  # The last index that the log holds.

  logTimeMs @11 :UInt64;
  # The log time in milliseconds.

  leaderContactAgeMs @12 :UInt64;
  # Milliseconds since a leader was heard, rounded up; 0 at a leader.

  configurationIndex @13 :UInt64;
  # The index of the configuration in effect.

  members @14 :List(StatusMember);
  # The members of that configuration, by ascending id.

  version @15 :Text;
  # The version of the program.

  uptimeMs @16 :UInt64;
  # Milliseconds since the process started.

  notes @17 :List(Text);
  # What a person should know, a sentence each.

  snapshotIndex @18 :UInt64;
  # The last entry that the newest snapshot covers, 0 for none.

  joint @19 :Bool;
  # True while a change of the members is under way (joint consensus).

  promotions @20 :List(Storage.MemberId);
  # The learners that become voters once they have caught up.

  transferTarget @21 :UInt64;
  # The member that this leader is handing leadership to, 0 for none.

  alarms @22 :List(Alarm);
  # What somebody must act upon; it stays until then.
}

enum NodeRole {
  # What a node is.

  follower @0;
  candidate @1;
  leader @2;
  learner @3;
}

struct Alarm {
  # A node whose state differs from that of others.

  nodeId @0 :UInt64;
  # The node that differs from a majority; 0 where no majority says which one is right.

  index @1 :UInt64;
  # The entry after which it was seen first.

  message @2 :Text;
  # What is wrong and how to mend it, for people.
}

struct StatusMember {
  # A member as the answering node sees it.

  id @0 :UInt64;
  # Its id.

  address @1 :Text;
  # HOST:PORT.

  voter @2 :Bool;
  # Whether its vote counts.

  reachable @3 :Bool;
  # Whether the answering node has a connection to it; true for itself.

  matchIndex @4 :UInt64;
  # What the leader knows of its log; 0 from a node that does not lead.

  version @5 :Text;
  # The program version that it said hello with, empty where unknown.
}

struct ErrorAnswer {
  # The request was not answered.

  code @0 :ErrorCode;
  # Why, for programs.

  applied @1 :Applied;
  # What is known of the command.

  message @2 :Text;
  # Why, for people.

  leaderId @3 :UInt64;
  # Whom to ask instead, 0 where unknown.

  leaderAddress @4 :Text;
  # HOST:PORT of that node, empty where unknown.

  logTimeMs @5 :UInt64;
  # The node's log time in milliseconds, for a new command id.

  why @6 :List(Text);
  # The facts behind a refusal, for people, a line each.

  fix @7 :List(Text);
  # How to mend it, for people, a line each; may be empty.
}

enum ErrorCode {
  # Why a request has no answer.

  notLeader @0;
  overloaded @1;
  noQuorum @2;
  leadershipLost @3;
  requestExpired @4;
  tooLarge @5;
  invalidRequest @6;
  shutdown @7;
  tooStale @8;
  internal @9;
  refused @10;
  changeInProgress @11;
  answerForgotten @12;
  notFound @13;
  sessionExpired @14;
}

enum Applied {
  # What is known of a request that was not answered normally.

  no @0;
  yes @1;
  unknown @2;
}

struct ChangeMembership {
  # Changes of the members, all at once (joint consensus, §6 of the paper); only a leader takes it.

  changes @0 :List(MemberChange);
  # What is to change, at least one.

  force @1 :Bool;
  # Also where too few of the voters that would be left are up to form a quorum.

  replaces @2 :Data;
  # With rejoin: the data directories that the member may be known by, 16 bytes each, one after the
  # other; empty otherwise.

  joinIndex @3 :UInt64;
  # Of a node that asks to join: the configuration that took it in before, or 0. If it is no member
  # now, it was removed, and is not added again.
}

struct MemberChange {
  # One of the changes.

  action @0 :MemberAction;
  # What to do.

  id @1 :UInt64;
  # The member.

  address @2 :Text;
  # HOST:PORT, for add and setAddress.

  instanceId @3 :Data;
  # For add: the data directory, 16 bytes; empty where the node binds it when it joins.
}

enum MemberAction {
  # What becomes of a member.

  add @0;
  # A learner that becomes a voter once it has caught up.

  addLearner @1;
  # A learner that stays one.

  promote @2;
  # A learner becomes a voter once it has caught up.

  demote @3;
  # A voter becomes a learner.

  remove @4;
  # It leaves.

  setAddress @5;
  # It is reached elsewhere from now on.

  rejoin @6;
  # The member comes back on the data directory named here, in the place of one of `replaces`: it has
  # no vote until it has caught up. From protocol version 2 on.
}

struct MembershipAnswer {
  # The change is committed.

  configurationIndex @0 :UInt64;
  # The index of the configuration that holds now.
}

struct TransferLeadership {
  # The leader is to hand leadership over.

  target @0 :UInt64;
  # To whom; 0 for the follower that is furthest.
}

struct TransferAnswer {
  # Another node leads.

  leaderId @0 :UInt64;
  # Which one.

  term @1 :UInt64;
  # In which term.
}

struct SnapshotAnswer {
  # A snapshot was taken.

  index @0 :UInt64;
  # The last entry that it covers.
}

struct OpenSnapshot {
  # Opens a snapshot of what the node has applied, a new one where the newest is older, for this
  # connection; one that was open before is closed.

  consistency @0 :Consistency;
  # Linearizable: it holds every write that was acknowledged before this was asked, as far as quorum
  # and leader confirm it. Stale: what the node has applied.
}

struct SnapshotOpened {
  # A snapshot is open.

  nodeId @0 :UInt64;
  # The node that has it.

  snapshotId @1 :Data;
  # 16 bytes.

  clusterId @2 :Data;
  # The cluster, 16 bytes.

  index @3 :UInt64;
  # The last entry that it covers.

  term @4 :UInt64;
  # The term of that entry.

  totalBytes @5 :UInt64;
  # The length of the file, from its header to its trailer.
}

struct ReadSnapshot {
  # Reads some bytes of the snapshot that is open on this connection.

  offset @0 :UInt64;
  # Where to start.
}

struct SnapshotData {
  # Bytes of a snapshot file.

  offset @0 :UInt64;
  # Where they stand.

  data @1 :Data;
  # At most 128 KiB; fewer only at the end, none behind it.
}
