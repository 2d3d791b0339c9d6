#include "nodelay.h"

static int (*tcp_listen)(struct raft_uv_transport *, raft_uv_accept_cb);
static int (*tcp_connect)(struct raft_uv_transport *, struct raft_uv_connect *, raft_id,
                          const char *, raft_uv_connect_cb);
// What the library wants to be called; it is the same each time.
static raft_uv_accept_cb library_accepted;
static raft_uv_connect_cb library_connected;

static void on_accepted(struct raft_uv_transport *transport, raft_id id, const char *address,
                        struct uv_stream_s *stream) {
  uv_tcp_nodelay((uv_tcp_t *)stream, 1);
  library_accepted(transport, id, address, stream);
}

static void on_connected(struct raft_uv_connect *request, struct uv_stream_s *stream, int status) {
  if (status == 0) uv_tcp_nodelay((uv_tcp_t *)stream, 1);
  library_connected(request, stream, status);
}

static int listen_nodelay(struct raft_uv_transport *transport, raft_uv_accept_cb accepted) {
  library_accepted = accepted;
  return tcp_listen(transport, on_accepted);
}

static int connect_nodelay(struct raft_uv_transport *transport, struct raft_uv_connect *request,
                           raft_id id, const char *address, raft_uv_connect_cb connected) {
  library_connected = connected;
  return tcp_connect(transport, request, id, address, on_connected);
}

void set_nodelay(struct raft_uv_transport *transport) {
  tcp_listen = transport->listen;
  tcp_connect = transport->connect;
  transport->listen = listen_nodelay;
  transport->connect = connect_nodelay;
}
