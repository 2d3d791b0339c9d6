/**
 * Whether a member answers at the address that it is to be given: a wrong address costs its vote,
 * and two of them the quorum, without which no address can be mended.
 *
 * @module
 */
import { splitAddress } from "../address.ts";
import { memberOf } from "../consensus/quorum.ts";
import { ProtocolError, RefusedError } from "../errors.ts";
import { ADDRESS_CHECK_TIMEOUT_MS } from "../limits.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Configuration, InstanceId, MemberChange, NodeId } from "../types.ts";
import { HELLO_FRAME_BYTES_MAX } from "../wire/frame.ts";
import type { HelloReply } from "../wire/hello.ts";
import { decodePeerFrame, encodePeerMessage } from "../wire/peer_codec.ts";
import type { Identity } from "../wire/storage_codec.ts";
import { converse, helloOfClient } from "./conversation.ts";

/** What addresses are checked with. */
export interface AddressCheckOptions {
  readonly runtime: Runtime;
  /** Who asks. */
  readonly identity: () => Identity;
  /** Throws where the member is known with another data directory. */
  readonly checkInstance: (id: NodeId, instanceId: InstanceId | "") => void;
}

/**
 * Dials each member that `changes` give another address, there.
 *
 * @throws {RefusedError} Where it does not answer, or another node does.
 */
export async function checkNewAddresses(
  options: AddressCheckOptions,
  current: Configuration,
  changes: readonly MemberChange[],
): Promise<void> {
  for (const { action, id, address } of changes) {
    const known = memberOf(current, id);
    if (action !== "setAddress" || known === null || known.address === address) continue;
    const target = splitAddress(address);
    // What is no address is refused with all that is invalid.
    if (target === null) continue;
    try {
      const reply = await askWhoIsThere(options, id, target);
      if (reply.refusal !== "none") throw new ProtocolError(reply.reason);
      options.checkInstance(id, reply.instanceId);
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error));
      throw new RefusedError(
        `Cannot change the address of node ${id}: it does not answer at ${address}`,
        [cause.message, "Start it there first: it keeps its data directory and its id"],
        { cause },
      );
    }
  }
}

/** Says hello as a client does, and returns what is answered. */
async function askWhoIsThere(
  { runtime, identity }: AddressCheckOptions,
  id: NodeId,
  target: { readonly host: string; readonly port: number },
): Promise<HelloReply> {
  const stream = await runtime.network.connect({ ...target, timeoutMs: ADDRESS_CHECK_TIMEOUT_MS });
  const answered = converse(stream, {
    clock: runtime.clock,
    timeoutMs: ADDRESS_CHECK_TIMEOUT_MS,
    frameBytesMax: HELLO_FRAME_BYTES_MAX,
    hear: (frame) => {
      const message = decodePeerFrame(frame);
      if (message.type !== "helloReply") throw new ProtocolError(`Got a ${message.type} as hello`);
      return message.reply;
    },
  });
  stream.write(encodePeerMessage({ type: "hello", hello: helloOfClient(identity(), id) }));
  return await answered;
}
