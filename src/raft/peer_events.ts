/**
 * What comes from peers, and what becomes of connections to them, told to the parts of a node that
 * it concerns.
 *
 * @module
 */
import type { Logger } from "../observability/logger.ts";
import type { TransportHandler } from "../transport/transport.ts";
import type { Birth } from "./birth.ts";
import type { DriverLoop } from "./driver_loop.ts";
import type { Members } from "./members.ts";
import { verifiedMessage } from "./message_intake.ts";

/** Whom it concerns, at the moment. */
export interface PeerEventParts {
  readonly members: Members;
  readonly birth: Birth;
  /** What drives the core; null before the node takes part. */
  readonly driver: DriverLoop | null;
}

/** The handler of a node's transport. */
export function peerEvents(logger: Logger, parts: () => PeerEventParts): TransportHandler {
  return {
    message: (from, frame) => {
      const { driver } = parts();
      if (frame.type === "stateHash") return driver?.states.heard(from, frame);
      const message = verifiedMessage(frame);
      driver?.input({ type: "message", from, message });
    },
    connected: (peer, reply) => {
      const { members, birth, driver } = parts();
      members.checkInstance(peer, reply.instanceId);
      members.connected(peer);
      logger.info("Connected to a peer", { peer, address: reply.address });
      // Later the log says who is known: another directory may have taken over an id.
      if (driver === null) birth.accepted(peer, reply.instanceId);
      // What was sent before was dropped: the core is to send it again, now.
      driver?.input({ type: "connectionLost", peer });
      driver?.input({ type: "peerReached", peer });
      driver?.states.connected(peer);
    },
    lost: (peer) => {
      logger.warn("Lost the connection to a peer", { peer });
      parts().driver?.input({ type: "connectionLost", peer });
      parts().members.lost(peer);
    },
    gone: (peer) => parts().driver?.input({ type: "peerGone", peer }),
    refused: (peer, reply) => parts().members.refused(peer, reply),
  };
}
