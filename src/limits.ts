/**
 * Every limit in one place. A queue, a loop or a buffer that can grow cites one of these.
 *
 * @module
 */

const KIB = 1024;
const MIB = 1024 * KIB;

/** The largest key of the key-value state machine, in bytes. */
export const KEY_BYTES_MAX = 64 * KIB;

/** The largest value of the key-value state machine, in bytes. */
export const VALUE_BYTES_MAX = 8 * MIB;

/** The most items in one answer that lists keys; the answer says that there are more. */
export const LIST_ITEMS_MAX = 1_000;

/** The most bytes of keys and values in such an answer, but for a single larger item. */
export const LIST_BYTES_MAX = 1 * MIB;

/** The largest payload of one entry, in bytes: a value, its key and what surrounds them. */
export const ENTRY_BYTES_MAX = 9 * MIB;

/** The most bytes of records in one AppendEntries message, but for a single larger entry. */
export const APPEND_BYTES_MAX = 1 * MIB;

/** The largest frame on a connection, in bytes; a longer one closes the connection. */
export const FRAME_BYTES_MAX = 16 * MIB;

/** The most bytes of a snapshot in one message. */
export const SNAPSHOT_SEND_BYTES_MAX = 128 * KIB;

/** The most bytes of a snapshot that are sent ahead of what the follower has stored. */
export const SNAPSHOT_WINDOW_BYTES_MAX = 512 * KIB;

/** The most pieces of a snapshot that a node reads at a time for one client that saves it. */
export const BACKUP_READS_MAX = 8;

/** How many of them a client asks for ahead. */
export const BACKUP_READS_AHEAD = 4;

/** The most puts of an import that are unanswered, and the most bytes of their keys and values. */
export const IMPORT_PUTS_UNDER_WAY_MAX = 256;
/** Those bytes; a single larger one is sent alone. */
export const IMPORT_BYTES_UNDER_WAY_MAX = 8 * MIB;

/** The longest line of an import: the largest value with every byte escaped, and its key. */
export const IMPORT_LINE_BYTES_MAX = 64 * MIB;

/** The most AppendEntries messages with entries that are unanswered at one follower. */
export const INFLIGHT_MESSAGES_MAX = 256;

/** The most bytes of entries that are unanswered at one follower. */
export const INFLIGHT_BYTES_MAX = 16 * MIB;

/** The most bytes of entries that a leader holds appended and not committed. */
export const UNCOMMITTED_BYTES_MAX = 64 * MIB;

/** The most proposals that wait at a leader for the log; one more is refused as overload. */
export const PROPOSALS_WAITING_MAX = 64 * 1024;

/** The most bytes of proposals that wait at a leader for the log. */
export const PROPOSALS_WAITING_BYTES_MAX = 64 * MIB;

/** The most reads that wait at one node for a confirmation; one more is refused as overload. */
export const READS_WAITING_MAX = 64 * 1024;

/** The longest promise of a follower to elect nobody, in milliseconds: 16 bits on the wire. */
export const PROMISE_MS_MAX = 65_535;

/**
 * What a leader takes off the promises that its lease rests on, as a share and in milliseconds: for
 * clocks that run at different speeds, and for timers that fire a little early.
 */
export const LEASE_DRIFT_SHARE = 0.1;
/** The other part of that margin, in milliseconds. */
export const LEASE_DRIFT_MS = 10;

/** The most rounds of confirmation whose times a leader keeps until a quorum has answered. */
export const LEASE_ROUNDS_MAX = 1024;

/** A number for a moment of a node's clock stands for so many milliseconds after it as well. */
export const AGE_TOKEN_MS = 10;
/** How many such numbers a node remembers, a power of two; a round trip takes no longer. */
export const AGE_TOKENS_KEPT = 1024;

/** How long a node that is to stop tries to hand over and to finish, in milliseconds. */
export const STOP_PATIENCE_MS = 3_000;

/** The most bytes that a unit (what one sync covers) takes before the next one starts. */
export const UNIT_BYTES_MAX = 4 * MIB;

/** The most bytes of recent records that a node keeps in memory for peers that follow closely. */
export const TAIL_CACHE_BYTES_MAX = 32 * MIB;

/** The most bytes that wait to be written on one connection before it is closed. */
export const WRITE_BUFFER_BYTES_MAX = 64 * MIB;

/** The most connections that one node accepts. */
export const CONNECTIONS_MAX = 4096;

/**
 * Of the files that a process may have open, so many are kept for the log, the snapshots and the
 * connections that the node dials: as a share, and at least.
 */
export const OPEN_FILES_KEPT_SHARE = 0.25;
/** The least of them; a log of some segments starts with fewer. */
export const OPEN_FILES_KEPT_MIN = 32;

/** Of the connections that a node accepts, the share that clients leave to the other nodes. */
export const PEER_CONNECTIONS_SHARE = 0.25;

/** The most requests that one client connection may have unanswered. */
export const CLIENT_REQUESTS_MAX = 16 * 1024;

/** The time in which a connection must say hello, in milliseconds. */
export const HELLO_TIMEOUT_MS = 5_000;

/** The time in which a member must answer at the address that it is to be given, twice at most. */
export const ADDRESS_CHECK_TIMEOUT_MS = 1_500;

/** The most request ids whose answers the replicated state remembers. */
export const REQUEST_IDS_MAX = 256 * KIB;

/** The most bytes of remembered answers. */
export const REQUEST_ANSWER_BYTES_MAX = 16 * MIB;

/** The longest answer whose bytes are remembered; of a longer one only that it was given. */
export const REQUEST_ANSWER_KEPT_BYTES_MAX = 1 * MIB;

/** How long an answer is remembered at most, in milliseconds of log time. */
export const REQUEST_WINDOW_MS = 15 * 60 * 1000;

/** The most sessions of clients; one more is refused as overload. */
export const SESSIONS_MAX = 4096;

/** The shortest and longest time-out of a session, in milliseconds of log time. */
export const SESSION_TIMEOUT_MS_MIN = 1_000;
/** The longest time-out that a session may ask for. */
export const SESSION_TIMEOUT_MS_MAX = 24 * 60 * 60 * 1000;

/** The most commands of one session that may be unanswered, and the most answers it keeps. */
export const SESSION_ANSWERS_MAX = 1024;

/** The most answers of all sessions together; a command that would add one is refused. */
export const SESSION_ANSWERS_TOTAL_MAX = 128 * KIB;

/** The most bytes of answers that one session keeps; of further ones only that they were given. */
export const SESSION_ANSWER_BYTES_MAX = 1 * MIB;

/** The most bytes of answers that all sessions together keep. */
export const SESSION_ANSWER_BYTES_TOTAL_MAX = 16 * MIB;

/** The longest time to live of a key or a lease, in milliseconds of log time: ten years. */
export const TTL_MS_MAX = 10 * 365 * 24 * 60 * 60 * 1000;

/** The most leases; one more is refused. */
export const LEASES_MAX = 256 * KIB;

/** The most keys and leases that one entry expires; what is left is due for the next entry. */
export const EXPIRIES_PER_ENTRY_MAX = 4096;

/** The shortest time between two entries that a leader appends only to let time pass. */
export const TICK_INTERVAL_MS_MIN = 250;

/** The most data directories of one node that one which rejoins says it takes the place of. */
export const REPLACED_INSTANCES_MAX = 16;

/** The most clusters whose place one took, of which its first node knows. */
export const FORMER_CLUSTERS_MAX = 16;

/** How many entries are applied at most between two comparisons of the nodes' states. */
export const STATE_HASH_ENTRIES = 4096;

/** How much log time passes at most between two comparisons, in milliseconds. */
export const STATE_HASH_INTERVAL_MS = 5_000;

/** Of how many entries a node remembers what it and the others found. */
export const STATE_HASHES_KEPT = 16;

/** The most members of one configuration. */
export const MEMBERS_MAX = 64;

/** The smallest and largest segment file, in bytes. */
export const SEGMENT_BYTES_MIN = 64 * KIB;
/** The largest segment file that may be asked for, in bytes. */
export const SEGMENT_BYTES_MAX = 1024 * MIB;
/** The size of a segment file unless the user asks for another, in bytes. */
export const SEGMENT_BYTES_DEFAULT = 16 * MIB;

/** How soon a node whose disk is full looks whether there is room again, in milliseconds. */
export const ROOM_RETRY_MS = 1_000;
/** How late it looks at most, where the file system does not say that it is full. */
export const ROOM_RETRY_MS_MAX = 16_000;

/** The most bytes of state in one chunk of a snapshot file. */
export const SNAPSHOT_CHUNK_BYTES_MAX = 1 * MIB;

/** The most bytes of a snapshot that are written before its file is synced. */
export const SNAPSHOT_UNSYNCED_BYTES_MAX = 4 * MIB;

/** How many entries are applied between two snapshots unless the user asks for another number. */
export const SNAPSHOT_EVERY_DEFAULT = 100_000;

/** A snapshot of this size is not followed by another before as many bytes were applied. */
export const SNAPSHOT_BYTES_LARGE = 16 * MIB;

/** How many bytes of records are applied between two snapshots unless told otherwise. */
export const SNAPSHOT_BYTES_DEFAULT = 256 * MIB;

/** The smallest number of bytes between two snapshots that may be asked for. */
export const SNAPSHOT_BYTES_MIN = 64 * KIB;

/** How many entries that a snapshot covers stay in the log unless told otherwise. */
export const TRAILING_ENTRIES_DEFAULT = 10_000;

/** The most connections to the pages that a node shows of itself (`--http`). */
export const HTTP_CONNECTIONS_MAX = 16;

/** The longest request for such a page, line and headers, in bytes. */
export const HTTP_REQUEST_BYTES_MAX = 8 * KIB;

/** How long such a request may take to arrive, in milliseconds. */
export const HTTP_REQUEST_MS_MAX = 5_000;
