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
import type { ByteStream, Runtime } from "../runtime/runtime.ts";
import type { Configuration, InstanceId, MemberChange, NodeId } from "../types.ts";
import { FrameDecoder, HELLO_FRAME_BYTES_MAX } from "../wire/frame.ts";
import type { Hello, HelloReply } from "../wire/hello.ts";
import { decodePeerFrame, encodePeerMessage } from "../wire/peer_codec.ts";

/** What addresses are checked with. */
export interface AddressCheckOptions {
  readonly runtime: Runtime;
  /** What this node says when it dials a member. */
  readonly hello: (targetNodeId: NodeId) => Hello;
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
  { runtime, hello }: AddressCheckOptions,
  id: NodeId,
  target: { readonly host: string; readonly port: number },
): Promise<HelloReply> {
  const stream = await runtime.network.connect({ ...target, timeoutMs: ADDRESS_CHECK_TIMEOUT_MS });
  const reply = receiveReply(runtime, stream);
  stream.write(encodePeerMessage({
    type: "hello",
    hello: {
      ...hello(id),
      role: "client",
      nodeId: 0,
      instanceId: "",
      address: "",
      configurationIndex: 0,
    },
  }));
  return await reply;
}

function receiveReply({ clock }: Runtime, stream: ByteStream): Promise<HelloReply> {
  const decoder = new FrameDecoder();
  decoder.frameBytesMax = HELLO_FRAME_BYTES_MAX;
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(() => {
      reject(new ProtocolError(`No hello within ${ADDRESS_CHECK_TIMEOUT_MS} ms`));
      stream.destroy();
    }, ADDRESS_CHECK_TIMEOUT_MS);
    stream.start({
      data: (chunk) => {
        try {
          decoder.push(chunk);
          const frame = decoder.next();
          if (frame === null) return;
          const message = decodePeerFrame(frame);
          if (message.type !== "helloReply") throw new ProtocolError(`Got a ${message.type}`);
          resolve(message.reply);
        } catch (error) {
          reject(error);
        }
        stream.destroy();
      },
      closed: (error) => {
        clock.clearTimer(timer);
        reject(error ?? new ProtocolError("The connection was closed"));
      },
    });
  });
}
