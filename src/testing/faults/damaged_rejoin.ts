/**
 * What a node has promised is lost: bits of its log or of its hard state flip while it is down. It
 * must refuse to start, or start with all that it had. Where it refuses, the operator runs what
 * `raft recover rejoin` runs, as often as it takes, and starts it again: as another instance, which
 * votes and counts for nothing until the others have made it a voter.
 *
 * There is one such member at a time, and no other one is lost before it votes again: then all that
 * was ever committed is in the logs of enough others.
 *
 * @module
 */
import { RefusedError, StorageError } from "../../errors.ts";
import { FileError } from "../../runtime/runtime.ts";
import { PropertyViolation } from "../checkers/property_violation.ts";
import { isRefusing, type Rot, type SimulatedNode } from "../simulated_cluster.ts";
import { SimulatedCrashError } from "../simulated_process.ts";
import { drawDownMs, drawNode, type FaultScene } from "./fault_scene.ts";

/** How often the operator looks at the node, and the pause after a try that has failed. */
const LOOK_EVERY_MS = 50;

/** Where the second copy of the hard state starts, and how much of each is in use at least. */
const SECOND_COPY = 4096;
const COPY_BYTES = 32;

/** About the size of the last unit. */
const END_BYTES = 200;

/** Damages a node for good, and mends it from its peers. */
export function damagedRejoin(scene: FaultScene): void {
  const { cluster, prng } = scene;
  const node = drawNode(scene);
  const kind = prng.pick(["kill", "power_loss"] as const);
  const downMs = drawDownMs(scene);
  // Also the operator's command may be cut short.
  const cutsMs = Array.from({ length: prng.pick([0, 0, 1, 3]) }, () => 4 * prng.fraction());
  if (!canLose(scene, node)) return;
  scene.note(`${kind} of node ${node.id}, whose data are damaged meanwhile`);
  cluster.crash(node, kind);
  const damage = drawDamage(scene, node);
  for (const rot of damage) node.machine.disk.corrupt(rot);
  node.rot = damage[0] ?? null;
  node.lost = node.rot !== null;
  cluster.startAfter(node, downMs);
  if (node.lost) new Operator(scene, node, cutsMs).look();
}

/** Whether a quorum is left without this voter, and nobody else has lost anything. */
function canLose({ cluster }: FaultScene, node: SimulatedNode): boolean {
  const member = node.running?.status().members.find(({ id }) => id === node.id);
  return cluster.hasFormed && cluster.spareCount > 0 && node.up && node.rot === null &&
    member?.voter === true && !cluster.nodes.some(({ lost }) => lost);
}

/** A bit of the log, or one in both copies of the hard state; none turns a byte into a zero. */
function drawDamage({ prng }: FaultScene, node: SimulatedNode): Rot[] {
  const { disk } = node.machine;
  const directory = `${node.dataPath}/log`;
  const segments = disk.list(directory).filter((name) => name.endsWith(".segment"));
  const isHardState = segments.length === 0 || prng.chance(0.2);
  // Damage of the last unit, which nothing behind it proves, is the hardest to tell from a crash.
  const isEnd = prng.chance(0.5);
  const segment = isEnd ? segments.at(-1) : prng.pick(segments);
  const path = isHardState ? `${node.dataPath}/hard_state` : `${directory}/${segment}`;
  const content = disk.content(path) ?? new Uint8Array(0);
  const used = content.findLastIndex((byte) => byte !== 0) + 1;
  if (used === 0) return [];
  const places = isHardState
    ? [0, SECOND_COPY].map((start) => start + prng.range(0, COPY_BYTES - 1))
    : [isEnd ? Math.max(0, used - prng.range(1, END_BYTES)) : prng.range(0, used - 1)];
  return places.map((offset) => {
    const byte = content[offset]!;
    const masks = Array.from({ length: 8 }, (_, bit) => 1 << bit).filter((mask) => mask !== byte);
    return { path, offset, mask: prng.pick(masks), mayHide: false };
  });
}

/** Whoever looks after a damaged node until it runs again. */
class Operator {
  readonly #scene: FaultScene;
  readonly #node: SimulatedNode;
  /** After how long the next tries of the command are cut short, in milliseconds. */
  readonly #cutsMs: number[];
  #isDue = false;

  constructor(scene: FaultScene, node: SimulatedNode, cutsMs: number[]) {
    this.#scene = scene;
    this.#node = node;
    this.#cutsMs = cutsMs;
    scene.mend(() => void (this.#isDue = true));
  }

  /** Does what is to be done, now or later: also when the time of faults is over. */
  look(): void {
    const node = this.#node;
    if (node.up && node.running !== null) {
      this.#scene.note(`node ${node.id} runs: what was damaged counts for nothing`);
      node.rot = null;
      node.lost = false;
    } else if (this.#isDue && isRefusing(node)) void this.#rejoin();
    else this.#lookLater();
  }

  #lookLater(): void {
    this.#scene.world.scheduler.schedule(() => this.look(), LOOK_EVERY_MS);
  }

  /** Runs the command once; where it does not come to its end, it is run again. */
  async #rejoin(): Promise<void> {
    const { cluster, note, world } = this.#scene;
    const node = this.#node;
    note(`raft recover rejoin on node ${node.id}`);
    node.inRepair = true;
    const runtime = node.machine.boot();
    let isOver = false;
    const end = (): void => {
      if (!isOver) this.#lookLater();
      isOver = true;
      node.inRepair = false;
    };
    runtime.process.onCrash(end);
    const cutMs = this.#cutsMs.pop();
    if (cutMs !== undefined) {
      world.scheduler.schedule(() => runtime.process.crash("power_loss"), cutMs);
    }
    try {
      await cluster.setUpAnew(node, runtime);
    } catch (error) {
      if (!runtime.process.alive || isOver) return;
      if (!isPassing(error)) cluster.defects.push(explained(error, node));
      runtime.process.crash("kill");
      return;
    }
    if (isOver) return;
    isOver = true;
    // What the command has reported to be done is durable.
    node.machine.crash("power_loss");
    node.inRepair = false;
    cluster.startRejoined(node);
  }
}

/** Whether the same may go well the next time. */
function isPassing(error: unknown): boolean {
  return error instanceof FileError || error instanceof StorageError ||
    error instanceof SimulatedCrashError;
}

function explained(error: unknown, { id }: SimulatedNode): unknown {
  if (!(error instanceof RefusedError)) return error;
  const message = `node ${id} refuses its data, and may not rejoin: ${error.message}`;
  return new PropertyViolation("Recovery", message);
}
