/**
 * The few of Bun's own calls that the adapter makes, typed here so that the other runtimes' type
 * checkers pass.
 *
 * @module
 */

/** A connection of Bun; `Data` is what the program hangs on it. */
export interface BunSocket<Data> {
  data: Data;
  readonly remoteAddress: string;
  readonly remotePort: number;
  setNoDelay(on: boolean): void;
  /** Gives bytes to the kernel; returns how many it took, −1 where the socket is closed. */
  write(bytes: Uint8Array): number;
  pause(): void;
  resume(): void;
  /** Sends the FIN. Where the other side's was seen, this closes. */
  shutdown(): void;
  /** Closes with a reset. Calls `close` before it returns. */
  terminate(): void;
}

/** The callbacks of all connections of a listener. */
export interface BunSocketHandler<Data> {
  open(socket: BunSocket<Data>): void;
  /** The chunk is a copy of its own. What this throws goes to `error`. */
  data(socket: BunSocket<Data>, chunk: Uint8Array): void;
  /** The kernel takes bytes again. */
  drain(socket: BunSocket<Data>): void;
  /** The other side's FIN. */
  end(socket: BunSocket<Data>): void;
  close(socket: BunSocket<Data>, error?: Error): void;
  error(socket: BunSocket<Data>, error: Error): void;
}

/** The options of {@linkcode BunNamespace.listen}. */
export interface BunListenOptions<Data> {
  readonly hostname: string;
  readonly port: number;
  readonly exclusive: boolean;
  /** Whether the other side's FIN leaves this side open. */
  readonly allowHalfOpen: boolean;
  readonly socket: BunSocketHandler<Data>;
}

/** A listening socket of Bun. */
export interface BunListener {
  readonly port: number;
  /** Stops listening; connections live on. */
  stop(): void;
}

/** The global `Bun`. */
export interface BunNamespace {
  listen<Data>(options: BunListenOptions<Data>): BunListener;
}

/** The global `Bun`; call it on Bun only. */
export function bunNamespace(): BunNamespace {
  return (globalThis as unknown as { Bun: BunNamespace }).Bun;
}
