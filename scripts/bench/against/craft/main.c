// A replicated map on canonical C-raft (libraft, with its libuv backend), for comparison: every put
// is in the logs of a majority, synced, before it is answered. The library offers no linearizable
// reads, so a get reads what the node that leads has, and nobody confirms that it still leads.
//
// Requests and answers are those at the top of ../hashicorp/main.go.
//
// Usage: craft ID DATA LISTEN PEERS HEARTBEAT_MS ELECTION_TIMEOUT_MS COMPACTION
// PEERS is HOST:PORT,… in the order of the ids, which count from 1; COMPACTION is 0 or 1.
#include <raft.h>
#include <raft/uv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "nodelay.h"
#include "store.h"

enum { OP_PUT = 1, OP_GET = 2, OP_STATUS = 3 };
enum { STATUS_OK = 0, STATUS_FAILED = 1 };

#define REQUEST_HEADER_BYTES 11
#define ANSWER_HEADER_BYTES 9
#define LENGTH_BYTES 4
#define STATUS_BYTES 9
#define ROOM_BYTES_MIN 65536
// Commands that are proposed together.
#define BATCH_MAX 4096
// A snapshot after each 1,024 entries, as the library has it unless told, would be most of what is
// measured; these are near what the other systems do.
#define SNAPSHOT_THRESHOLD 100000
#define SNAPSHOT_TRAILING 10000
#define NEVER 2000000000u
#define CONNECT_RETRY_MS 100
#define BACKLOG 1024

// A client. It goes when it is closed and nothing under way refers to it.
struct connection {
  uv_tcp_t tcp;
  char *arrived;
  size_t arrived_bytes, arrived_room;
  int references;
};

// Puts that one connection asked for and that were proposed together.
struct batch {
  struct raft_apply request;
  struct connection *connection;
  unsigned count;
  uint32_t ids[BATCH_MAX];
};

struct answer {
  uv_write_t write;
  char bytes[];
};

struct request {
  uint8_t operation;
  uint32_t id;
  struct bytes key, value;
};

static struct raft raft;

static void check(int status, const char *what) {
  if (status == 0) return;
  fprintf(stderr, "%s failed with %d: %s\n", what, status, raft.errmsg);
  exit(1);
}

static void *allocated(void *memory) {
  if (memory == NULL) abort();
  return memory;
}

static void release(struct connection *connection) {
  connection->references -= 1;
  if (connection->references > 0) return;
  free(connection->arrived);
  free(connection);
}

static void on_closed(uv_handle_t *handle) { release(handle->data); }

static void end(struct connection *connection) {
  uv_handle_t *handle = (uv_handle_t *)&connection->tcp;
  if (!uv_is_closing(handle)) uv_close(handle, on_closed);
}

static void on_written(uv_write_t *write, int status) {
  (void)status;
  free(write);
}

// Writes so many bytes of an answer, whoever still listens.
static void send_answer(struct connection *connection, struct answer *answer, size_t bytes) {
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  const uv_buf_t buffer = uv_buf_init(answer->bytes, (unsigned)bytes);
  const int is_closing = uv_is_closing((uv_handle_t *)stream);
  if (is_closing || uv_write(&answer->write, stream, &buffer, 1, on_written) != 0) free(answer);
}

static char *put_header(char *target, uint8_t status, uint32_t id, uint32_t payload_bytes) {
  const uint32_t length = ANSWER_HEADER_BYTES - LENGTH_BYTES + payload_bytes;
  memcpy(target, &length, 4);
  target[4] = (char)status;
  memcpy(target + 5, &id, 4);
  return target + ANSWER_HEADER_BYTES;
}

static void answer_one(struct connection *connection, uint8_t status, uint32_t id,
                       struct bytes payload) {
  const size_t bytes = ANSWER_HEADER_BYTES + (size_t)payload.count;
  struct answer *answer = allocated(malloc(sizeof *answer + bytes));
  memcpy(put_header(answer->bytes, status, id, payload.count), payload.start, payload.count);
  send_answer(connection, answer, bytes);
}

// Answers all puts of a batch with one write, and lets go of it.
static void answer_batch(struct batch *batch, uint8_t status) {
  const size_t bytes = (size_t)batch->count * ANSWER_HEADER_BYTES;
  struct answer *answer = allocated(malloc(sizeof *answer + bytes));
  char *target = answer->bytes;
  for (unsigned at = 0; at < batch->count; at += 1) {
    target = put_header(target, status, batch->ids[at], 0);
  }
  send_answer(batch->connection, answer, bytes);
  release(batch->connection);
  free(batch);
}

static void on_applied(struct raft_apply *request, int status, void *result) {
  (void)result;
  answer_batch((struct batch *)request, status == 0 ? STATUS_OK : STATUS_FAILED);
}

static void answer_status(struct connection *connection, uint32_t id) {
  char payload[STATUS_BYTES];
  const uint64_t applied = raft_last_applied(&raft);
  payload[0] = raft_state(&raft) == RAFT_LEADER;
  memcpy(payload + 1, &applied, 8);
  answer_one(connection, STATUS_OK, id, (struct bytes){payload, STATUS_BYTES});
}

static void answer_get(struct connection *connection, const struct request *request) {
  if (raft_state(&raft) == RAFT_LEADER) {
    answer_one(connection, STATUS_OK, request->id, store_get(request->key));
  } else {
    answer_one(connection, STATUS_FAILED, request->id, (struct bytes){"", 0});
  }
}

// Reads a request; gives how many bytes it takes, or 0 where it has not arrived whole.
static size_t read_request(const char *bytes, size_t count, struct request *request) {
  uint32_t length;
  uint16_t key_bytes;
  if (count < LENGTH_BYTES) return 0;
  memcpy(&length, bytes, 4);
  const size_t whole = LENGTH_BYTES + (size_t)length;
  if (count < whole || whole < REQUEST_HEADER_BYTES) return 0;
  request->operation = (uint8_t)bytes[4];
  memcpy(&request->id, bytes + 5, 4);
  memcpy(&key_bytes, bytes + 9, 2);
  if (whole < REQUEST_HEADER_BYTES + (size_t)key_bytes) return 0;
  request->key = (struct bytes){bytes + REQUEST_HEADER_BYTES, key_bytes};
  request->value.start = request->key.start + key_bytes;
  request->value.count = (uint32_t)(whole - REQUEST_HEADER_BYTES - key_bytes);
  return whole;
}

static struct batch *new_batch(struct connection *connection) {
  struct batch *batch = allocated(malloc(sizeof *batch));
  batch->connection = connection;
  batch->count = 0;
  connection->references += 1;
  return batch;
}

// Proposes the puts of a batch; the memory of the commands is the library's where it takes them.
static void propose(struct batch *batch, struct raft_buffer *commands) {
  if (raft_apply(&raft, &batch->request, commands, batch->count, on_applied) == 0) return;
  for (unsigned at = 0; at < batch->count; at += 1) raft_free(commands[at].base);
  answer_batch(batch, STATUS_FAILED);
}

static struct raft_buffer command_of(const struct request *request) {
  struct raft_buffer command;
  command.len = store_command_bytes(request->key, request->value);
  command.base = allocated(raft_malloc(command.len));
  store_write_command(command.base, request->key, request->value);
  return command;
}

// Does what has arrived whole; all puts among it are proposed together.
static void serve(struct connection *connection) {
  static struct raft_buffer commands[BATCH_MAX];
  struct batch *batch = NULL;
  struct request request;
  size_t offset = 0, bytes;
  const char *arrived = connection->arrived;
  while ((bytes = read_request(arrived + offset, connection->arrived_bytes - offset, &request))) {
    if (request.operation == OP_PUT) {
      if (batch == NULL) batch = new_batch(connection);
      commands[batch->count] = command_of(&request);
      batch->ids[batch->count++] = request.id;
    } else if (request.operation == OP_GET) {
      answer_get(connection, &request);
    } else {
      answer_status(connection, request.id);
    }
    if (batch != NULL && batch->count == BATCH_MAX) {
      propose(batch, commands);
      batch = NULL;
    }
    offset += bytes;
  }
  if (batch != NULL) propose(batch, commands);
  memmove(connection->arrived, arrived + offset, connection->arrived_bytes - offset);
  connection->arrived_bytes -= offset;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  struct connection *connection = handle->data;
  if (connection->arrived_room - connection->arrived_bytes < ROOM_BYTES_MIN) {
    connection->arrived_room = 2 * connection->arrived_room + ROOM_BYTES_MIN;
    connection->arrived = allocated(realloc(connection->arrived, connection->arrived_room));
  }
  *buffer = uv_buf_init(connection->arrived + connection->arrived_bytes,
                        (unsigned)(connection->arrived_room - connection->arrived_bytes));
}

static void on_arrived(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer) {
  (void)buffer;
  struct connection *connection = stream->data;
  if (count < 0) {
    end(connection);
    return;
  }
  connection->arrived_bytes += (size_t)count;
  serve(connection);
}

static void on_client(uv_stream_t *listener, int status) {
  if (status != 0) return;
  struct connection *connection = allocated(calloc(1, sizeof *connection));
  uv_stream_t *stream = (uv_stream_t *)&connection->tcp;
  connection->references = 1;
  uv_tcp_init(listener->loop, &connection->tcp);
  connection->tcp.data = connection;
  if (uv_accept(listener, stream) == 0) {
    uv_tcp_nodelay(&connection->tcp, 1);
    uv_read_start(stream, on_room, on_arrived);
  } else {
    end(connection);
  }
}

static void listen_at(uv_loop_t *loop, char *address) {
  static uv_tcp_t listener;
  struct sockaddr_in place;
  char *port = strrchr(address, ':');
  *port = 0;
  uv_tcp_init(loop, &listener);
  check(uv_ip4_addr(address, atoi(port + 1), &place), "reading the address");
  check(uv_tcp_bind(&listener, (struct sockaddr *)&place, 0), "binding");
  check(uv_listen((uv_stream_t *)&listener, BACKLOG, on_client), "listening");
}

// Gives the members of a cluster from HOST:PORT,…; `own` becomes the address of node `id`.
static struct raft_configuration members_of(char *peers, raft_id id, const char **own) {
  struct raft_configuration configuration;
  raft_id next = 1;
  raft_configuration_init(&configuration);
  for (char *peer = strtok(peers, ","); peer != NULL; peer = strtok(NULL, ",")) {
    if (next == id) *own = peer;
    check(raft_configuration_add(&configuration, next++, peer, RAFT_VOTER), "adding a member");
  }
  return configuration;
}

int main(int count, char **words) {
  static struct raft_uv_transport transport;
  static struct raft_io io;
  static struct raft_fsm machine;
  static uv_loop_t loop;
  const char *address = NULL;
  if (count != 8) return 2;
  signal(SIGPIPE, SIG_IGN);
  const raft_id id = (raft_id)atoi(words[1]);
  const int compacts = atoi(words[7]);
  struct raft_configuration members = members_of(words[4], id, &address);
  machine = store_machine();
  check(uv_loop_init(&loop), "starting a loop");
  check(raft_uv_tcp_init(&transport, &loop), "making the transport");
  set_nodelay(&transport);
  check(raft_uv_init(&io, &loop, words[2], &transport), "opening the data");
  raft_uv_set_connect_retry_delay(&io, CONNECT_RETRY_MS);
  check(raft_init(&raft, &io, &machine, id, address), "making the node");
  const int status = raft_bootstrap(&raft, &members);
  if (status != RAFT_CANTBOOTSTRAP) check(status, "writing the first configuration");
  raft_set_heartbeat_timeout(&raft, (unsigned)atoi(words[5]));
  raft_set_election_timeout(&raft, (unsigned)atoi(words[6]));
  raft_set_snapshot_threshold(&raft, compacts ? SNAPSHOT_THRESHOLD : NEVER);
  raft_set_snapshot_trailing(&raft, compacts ? SNAPSHOT_TRAILING : NEVER);
  raft_set_pre_vote(&raft, true);
  check(raft_start(&raft), "starting the node");
  listen_at(&loop, words[3]);
  return uv_run(&loop, UV_RUN_DEFAULT);
}
