# What a data directory holds besides log records, and what a configuration entry carries. Each is one
# message in the standard stream framing, one segment, no far pointers. Whoever stores one adds a
# checksum of its own.
#
# Every UInt64 is at most 2^53 - 1. Fields are only ever appended.

@0xdc109562fa23b5d3;

struct Identity {
  # Who a node is: written when its data directory is made, and again when it is born.

  formatVersion @0 :UInt32;
  # The version of the data directory's format, from 1 on. A build refuses one that it does not know.

  clusterId @1 :Data;
  # 16 bytes; empty while a joining node has not learned it.

  clusterName @2 :Text;
  # The name that people gave the cluster; may be empty.

  nodeId @3 :UInt64;
  # The id of this node, from 1 on.

  instanceId @4 :Data;
  # 16 random bytes, made once for this directory.

  born @5 :Bool;
  # True once the node has exchanged hellos with every member listed below; before that it neither
  # votes nor campaigns.

  members @6 :List(Member);
  # The members as the node last knew them, by ascending id; while the cluster forms, the instance id
  # of one that was not met yet is empty. The log has the last word.

  removed @7 :Bool;
  # True once the node was told that it was removed from the cluster: it never takes part again.

  recoveryClusterId @8 :Data;
  # While the directory is being made the start of a new cluster: the id that this one gets, 16 bytes.
  # A node does not start then. Empty otherwise.

  recoveryInstanceId @9 :Data;
  # With it, the instance id that the directory gets, 16 bytes.

  formerClusterIds @10 :Data;
  # The clusters that this one took the place of when their quorum was lost, the latest last, 16
  # bytes each: whoever still belongs to one of them is told so.

  deviatesSince @11 :UInt64;
  # The entry at which the state of this node was found to differ from that of a majority; 0 where it
  # was not. Such a node serves nobody until its directory was replaced.

  replaces @12 :Data;
  # Not empty while the node asks to rejoin on this directory: the instance ids of the directories
  # before it that its cluster may know the node by, 16 bytes each, one after the other.

  joinIndex @13 :UInt64;
  # The configuration that took the node in, when it last asked to join; 0 where it never did. What
  # earlier ones say of its id is of an earlier membership.

  promisesNothing @14 :Bool;
  # True while no leader may count on a promise of this node: it runs with lease reads off, and has
  # for as long as its earlier promises last. So it need not wait for one to run out when it starts.

  promiseMs @15 :UInt16;
  # The longest promise of this node that a leader may count on, in milliseconds; it waits so long
  # when it starts. 0 with promisesNothing, and where it is not known.
}

struct Member {
  # A node listed in a configuration.

  id @0 :UInt64;
  # Its id, from 1 on.

  address @1 :Text;
  # HOST:PORT where its peers and clients reach it.

  instanceId @2 :Data;
  # Its data directory, 16 bytes; empty where it is not known yet.
}

struct MemberId {
  # A reference to a member.

  id @0 :UInt64;
  # Its id.
}

struct HardState {
  # What must survive a crash besides the log (Figure 2 of the paper).

  currentTerm @0 :UInt64;
  # The latest term seen, 0 at first.

  votedFor @1 :UInt64;
  # The candidate that got the vote in currentTerm, 0 for none.
}

struct Configuration {
  # Who takes part (§6 of the paper): the payload of a configuration entry.

  voters @0 :List(Member);
  # The members whose votes count, by ascending id.

  votersOld @1 :List(Member);
  # The voters before the change while it is under way (joint consensus); empty otherwise.

  learners @2 :List(Member);
  # Members that receive the log and have no vote.

  promotions @3 :List(MemberId);
  # The ids of the learners that the leader makes voters once they have caught up, ascending.
}

struct SnapshotHeader {
  # What a snapshot covers: the first frame of a snapshot file.

  formatVersion @0 :UInt32;
  # The version of the snapshot's format, from 1 on. A build refuses one that it does not know.

  clusterId @1 :Data;
  # The cluster that it was taken in, 16 bytes.

  snapshotId @2 :Data;
  # 16 random bytes, made when it was taken.

  lastIncludedIndex @3 :UInt64;
  # The last entry that it covers.

  lastIncludedTerm @4 :UInt64;
  # The term of that entry.

  logTimeMs @5 :UInt64;
  # The log time of that entry, in milliseconds.

  configurationIndex @6 :UInt64;
  # The index of the entry that carried the configuration.

  configuration @7 :Configuration;
  # The latest configuration at or before lastIncludedIndex.
}
