/**
 * A conversation of a few messages with a node that is no peer, on a connection of its own.
 *
 * @module
 */
import { ProtocolError } from "../errors.ts";
import type { ByteStream, Clock } from "../runtime/runtime.ts";
import { FrameDecoder } from "../wire/frame.ts";
import { type Hello, PROTOCOL_VERSION_MAX, PROTOCOL_VERSION_MIN } from "../wire/hello.ts";
import type { Identity } from "../wire/storage_codec.ts";

/** How a conversation goes. */
export interface Conversation<Outcome> {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly frameBytesMax: number;
  /** Takes a frame; null where the outcome is still to come. What it throws is the outcome. */
  readonly hear: (frame: Uint8Array) => Outcome | null;
}

/** What a node says where it asks as a client does; `targetNodeId` 0 asks whoever is there. */
export function helloOfClient(
  { clusterId, clusterName }: Pick<Identity, "clusterId" | "clusterName">,
  targetNodeId: number,
): Hello {
  return {
    protocolMin: PROTOCOL_VERSION_MIN,
    protocolMax: PROTOCOL_VERSION_MAX,
    role: "client",
    clusterId,
    clusterName,
    nodeId: 0,
    instanceId: "",
    address: "",
    targetNodeId,
    configurationIndex: 0,
  };
}

/**
 * Listens on `stream`, which was not started, until there is an outcome, and closes it then. What
 * is to be said first is written afterwards.
 *
 * @throws {ProtocolError} Where the time is over or the connection ends before.
 */
export function converse<Outcome>(
  stream: ByteStream,
  { clock, timeoutMs, frameBytesMax, hear }: Conversation<Outcome>,
): Promise<Outcome> {
  const decoder = new FrameDecoder();
  decoder.frameBytesMax = frameBytesMax;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      reject(error);
      stream.destroy();
    };
    const timer = clock.setTimer(
      () => fail(new ProtocolError(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    stream.start({
      data: (chunk) => {
        try {
          decoder.push(chunk);
          for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
            const outcome = hear(frame);
            if (outcome === null) continue;
            resolve(outcome);
            stream.close();
          }
        } catch (error) {
          fail(error);
        }
      },
      closed: (error) => {
        clock.clearTimer(timer);
        reject(error ?? new ProtocolError("the connection was closed"));
      },
    });
  });
}
