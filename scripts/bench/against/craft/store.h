// The replicated map. A command is u32 bytes of the key, u32 bytes of the value, the key, the
// value, and zeros up to a multiple of 8 bytes, as the library wants it. A snapshot is a command
// for each key.
#ifndef STORE_H
#define STORE_H

#include <raft.h>
#include <stdint.h>

struct bytes {
  const char *start;
  uint32_t count;
};

// What the library calls.
struct raft_fsm store_machine(void);

// The bytes of a command.
size_t store_command_bytes(struct bytes key, struct bytes value);

// Writes a command to `target`, which has room for it.
void store_write_command(char *target, struct bytes key, struct bytes value);

// The value of a key; nothing where there is none.
struct bytes store_get(struct bytes key);

#endif
