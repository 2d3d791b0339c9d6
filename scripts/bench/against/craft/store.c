#include "store.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES 8
#define BUCKETS (1u << 20)

struct pair {
  struct pair *next;
  char *value;
  uint32_t value_bytes;
  uint32_t key_bytes;
  char key[];
};

static struct pair *buckets[BUCKETS];
// What a snapshot of everything takes.
static size_t snapshot_bytes;

// FNV-1a, 32 bits.
static uint32_t hash(struct bytes key) {
  uint32_t value = 2166136261u;
  for (uint32_t at = 0; at < key.count; at += 1) {
    value = (value ^ (unsigned char)key.start[at]) * 16777619u;
  }
  return value;
}

// Where the pointer to the pair of a key is, or would be.
static struct pair **place_of(struct bytes key) {
  struct pair **place = &buckets[hash(key) & (BUCKETS - 1)];
  while (*place != NULL) {
    const struct pair *pair = *place;
    if (pair->key_bytes == key.count && memcmp(pair->key, key.start, key.count) == 0) break;
    place = &(*place)->next;
  }
  return place;
}

static void *allocated(void *memory) {
  if (memory == NULL) abort();
  return memory;
}

size_t store_command_bytes(struct bytes key, struct bytes value) {
  return (HEADER_BYTES + (size_t)key.count + value.count + 7) & ~(size_t)7;
}

void store_write_command(char *target, struct bytes key, struct bytes value) {
  const size_t used = HEADER_BYTES + (size_t)key.count + value.count;
  memcpy(target, &key.count, 4);
  memcpy(target + 4, &value.count, 4);
  memcpy(target + HEADER_BYTES, key.start, key.count);
  memcpy(target + HEADER_BYTES + key.count, value.start, value.count);
  memset(target + used, 0, store_command_bytes(key, value) - used);
}

struct bytes store_get(struct bytes key) {
  const struct pair *pair = *place_of(key);
  if (pair == NULL) return (struct bytes){"", 0};
  return (struct bytes){pair->value, pair->value_bytes};
}

static void put(struct bytes key, struct bytes value) {
  struct pair **place = place_of(key);
  struct pair *pair = *place;
  if (pair == NULL) {
    pair = allocated(calloc(1, sizeof *pair + key.count));
    pair->key_bytes = key.count;
    memcpy(pair->key, key.start, key.count);
    *place = pair;
  } else {
    snapshot_bytes -= store_command_bytes(key, (struct bytes){pair->value, pair->value_bytes});
  }
  if (pair->value == NULL || pair->value_bytes != value.count) {
    pair->value = allocated(realloc(pair->value, value.count + 1));
    pair->value_bytes = value.count;
  }
  memcpy(pair->value, value.start, value.count);
  snapshot_bytes += store_command_bytes(key, value);
}

// Carries out a command; gives its bytes.
static size_t apply_command(const char *command) {
  struct bytes key, value;
  memcpy(&key.count, command, 4);
  memcpy(&value.count, command + 4, 4);
  key.start = command + HEADER_BYTES;
  value.start = key.start + key.count;
  put(key, value);
  return store_command_bytes(key, value);
}

static int apply(struct raft_fsm *machine, const struct raft_buffer *command, void **result) {
  (void)machine;
  *result = NULL;
  apply_command(command->base);
  return 0;
}

// The library frees the buffers.
static int take_snapshot(struct raft_fsm *machine, struct raft_buffer *buffers[], unsigned *count) {
  (void)machine;
  struct raft_buffer *buffer = raft_malloc(sizeof *buffer);
  // An empty state is 8 zeros, for a buffer of no bytes is none: a pair without key and value.
  const size_t bytes = snapshot_bytes == 0 ? HEADER_BYTES : snapshot_bytes;
  if (buffer == NULL || (buffer->base = raft_calloc(1, bytes)) == NULL) {
    raft_free(buffer);
    return RAFT_NOMEM;
  }
  buffer->len = bytes;
  char *target = buffer->base;
  for (unsigned bucket = 0; bucket < BUCKETS; bucket += 1) {
    for (const struct pair *pair = buckets[bucket]; pair != NULL; pair = pair->next) {
      const struct bytes key = {pair->key, pair->key_bytes};
      const struct bytes value = {pair->value, pair->value_bytes};
      store_write_command(target, key, value);
      target += store_command_bytes(key, value);
    }
  }
  *buffers = buffer;
  *count = 1;
  return 0;
}

static void forget_everything(void) {
  for (unsigned bucket = 0; bucket < BUCKETS; bucket += 1) {
    for (struct pair *pair = buckets[bucket], *next; pair != NULL; pair = next) {
      next = pair->next;
      free(pair->value);
      free(pair);
    }
    buckets[bucket] = NULL;
  }
  snapshot_bytes = 0;
}

static int restore(struct raft_fsm *machine, struct raft_buffer *snapshot) {
  (void)machine;
  forget_everything();
  for (size_t offset = 0; offset < snapshot->len;) {
    offset += apply_command((const char *)snapshot->base + offset);
  }
  raft_free(snapshot->base);
  return 0;
}

struct raft_fsm store_machine(void) {
  return (struct raft_fsm){
      .version = 1, .apply = apply, .snapshot = take_snapshot, .restore = restore};
}
