/**
 * The names of the commands, and how each is loaded: a command that is not used costs nothing.
 *
 * @module
 */
import type { Catalogue } from "./command.ts";

/** Every command, in the order of the help page. */
export const catalogue: Catalogue = [
  { name: "start", load: async () => (await import("./commands/start.ts")).start },
  { name: "demo", load: async () => (await import("./commands/demo.ts")).demo },
  { name: "shell", load: async () => (await import("./commands/shell.ts")).shell },
  { name: "get", load: async () => (await import("./commands/get.ts")).get },
  { name: "put", load: async () => (await import("./commands/put.ts")).put },
  { name: "del", load: async () => (await import("./commands/del.ts")).del },
  { name: "ls", load: async () => (await import("./commands/ls.ts")).ls },
  { name: "incr", load: async () => (await import("./commands/incr.ts")).incr },
  { name: "export", load: async () => (await import("./commands/export.ts")).exportKeys },
  { name: "import", load: async () => (await import("./commands/import.ts")).importKeys },
  { name: "lease grant", load: async () => (await import("./commands/lease_grant.ts")).leaseGrant },
  { name: "lease keep", load: async () => (await import("./commands/lease_keep.ts")).leaseKeep },
  {
    name: "lease revoke",
    load: async () => (await import("./commands/lease_revoke.ts")).leaseRevoke,
  },
  { name: "lease show", load: async () => (await import("./commands/lease_show.ts")).leaseShow },
  { name: "lease ls", load: async () => (await import("./commands/lease_ls.ts")).leaseLs },
  { name: "wait leader", load: async () => (await import("./commands/wait_leader.ts")).waitLeader },
  {
    name: "wait healthy",
    load: async () => (await import("./commands/wait_healthy.ts")).waitHealthy,
  },
  { name: "wait key", load: async () => (await import("./commands/wait_key.ts")).waitKey },
  { name: "wait absent", load: async () => (await import("./commands/wait_absent.ts")).waitAbsent },
  { name: "wait index", load: async () => (await import("./commands/wait_index.ts")).waitIndex },
  { name: "wait member", load: async () => (await import("./commands/wait_member.ts")).waitMember },
  { name: "status", load: async () => (await import("./commands/status.ts")).status },
  { name: "health", load: async () => (await import("./commands/health.ts")).health },
  { name: "leader", load: async () => (await import("./commands/leader.ts")).leader },
  { name: "member ls", load: async () => (await import("./commands/member_ls.ts")).memberLs },
  { name: "member add", load: async () => (await import("./commands/member_add.ts")).memberAdd },
  {
    name: "member promote",
    load: async () => (await import("./commands/member_promote.ts")).memberPromote,
  },
  {
    name: "member demote",
    load: async () => (await import("./commands/member_demote.ts")).memberDemote,
  },
  {
    name: "member remove",
    load: async () => (await import("./commands/member_remove.ts")).memberRemove,
  },
  {
    name: "member replace",
    load: async () => (await import("./commands/member_replace.ts")).memberReplace,
  },
  { name: "member set", load: async () => (await import("./commands/member_set.ts")).memberSet },
  { name: "transfer", load: async () => (await import("./commands/transfer.ts")).transfer },
  { name: "drain", load: async () => (await import("./commands/drain.ts")).drain },
  { name: "undrain", load: async () => (await import("./commands/undrain.ts")).undrain },
  {
    name: "snapshot save",
    load: async () => (await import("./commands/snapshot_save.ts")).snapshotSave,
  },
  {
    name: "snapshot restore",
    load: async () => (await import("./commands/snapshot_restore.ts")).snapshotRestore,
  },
  {
    name: "snapshot inspect",
    load: async () => (await import("./commands/snapshot_inspect.ts")).snapshotInspect,
  },
  {
    name: "snapshot verify",
    load: async () => (await import("./commands/snapshot_verify.ts")).snapshotVerify,
  },
  {
    name: "snapshot trigger",
    load: async () => (await import("./commands/snapshot_trigger.ts")).snapshotTrigger,
  },
  {
    name: "recover plan",
    load: async () => (await import("./commands/recover_plan.ts")).recoverPlan,
  },
  {
    name: "recover apply",
    load: async () => (await import("./commands/recover_apply.ts")).recoverApply,
  },
  {
    name: "recover rejoin",
    load: async () => (await import("./commands/recover_rejoin.ts")).recoverRejoin,
  },
  { name: "log info", load: async () => (await import("./commands/log_info.ts")).logInfo },
  { name: "log ls", load: async () => (await import("./commands/log_ls.ts")).logLs },
  { name: "log cat", load: async () => (await import("./commands/log_cat.ts")).logCat },
  { name: "log verify", load: async () => (await import("./commands/log_verify.ts")).logVerify },
  { name: "log dump", load: async () => (await import("./commands/log_dump.ts")).logDump },
  { name: "log repair", load: async () => (await import("./commands/log_repair.ts")).logRepair },
  { name: "bench", load: async () => (await import("./commands/bench.ts")).bench },
  { name: "doctor", load: async () => (await import("./commands/doctor.ts")).doctor },
  { name: "simulate", load: async () => (await import("./commands/simulate.ts")).simulate },
  { name: "error", load: async () => (await import("./commands/error.ts")).error },
  { name: "config show", load: async () => (await import("./commands/config_show.ts")).configShow },
  {
    name: "config check",
    load: async () => (await import("./commands/config_check.ts")).configCheck,
  },
  {
    name: "config schema",
    load: async () => (await import("./commands/config_schema.ts")).configSchema,
  },
  { name: "completion", load: async () => (await import("./commands/completion.ts")).completion },
  { name: "help", load: async () => (await import("./commands/help.ts")).help },
  { name: "version", load: async () => (await import("./commands/version.ts")).version },
];
