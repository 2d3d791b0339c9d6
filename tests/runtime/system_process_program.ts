/** What the tests of SystemProcess run as a process of its own. */
import { SystemProcess } from "../../src/runtime/shared/system_process.ts";

const host = new SystemProcess();
const [what, ...rest] = host.arguments;
const LARGE_BYTES = 5_000_000;

switch (what) {
  case "large":
    await host.standardOutput.write(new Uint8Array(LARGE_BYTES).fill(120));
    host.setExitCode(3);
    break;
  case "again": {
    const { spawnSync } = await import("node:child_process");
    const [command = "", ...words] = host.ownCommand;
    const ran = spawnSync(command, [...words, "echo", ...rest], { encoding: "utf8" });
    await host.standardOutput.write(ran.stdout + ran.stderr);
    break;
  }
  case "again-log":
    await host.standardError.write("logged");
    host.setExitCode(3);
    break;
  case "echo":
    await host.standardOutput.write(JSON.stringify(rest));
    break;
  case "input": {
    let bytes = 0;
    for await (const chunk of host.standardInput.chunks()) bytes += chunk.length;
    await host.standardOutput.write(String(bytes));
    break;
  }
  case "wait-for-end":
    await new Promise<void>((resolve) => host.standardInput.onEnd(resolve));
    break;
}
