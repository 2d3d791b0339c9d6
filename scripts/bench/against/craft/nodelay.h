// The library sets no TCP_NODELAY on its connections between nodes, so that a small message waits
// for the acknowledgement of the one before it; that is a setting, not what is to be compared.
#ifndef NODELAY_H
#define NODELAY_H

#include <raft/uv.h>

// Makes a transport set it on every connection, dialed or accepted. For one transport a process.
void set_nodelay(struct raft_uv_transport *transport);

#endif
