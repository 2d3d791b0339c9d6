/**
 * Certificates for tests, made by the `openssl` tool and kept as long as the test process runs.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsOptions } from "../../src/runtime/runtime.ts";

/** Whether the `openssl` tool is here. */
export function hasOpenssl(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A new authority, and a certificate of its own for each of `names`. */
export function makeCertificates(names: readonly string[]): readonly TlsOptions[] {
  const directory = mkdtempSync(join(tmpdir(), "raft-tls-"));
  const openssl = (...parameters: string[]): void => {
    execFileSync("openssl", parameters, { cwd: directory, stdio: ["ignore", "ignore", "pipe"] });
  };
  const read = (name: string): string => readFileSync(join(directory, name), "utf8");
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  try {
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "2",
      "-subj",
      "/CN=ca",
    );
    return names.map((name) => {
      openssl("req", ...newKey, "-keyout", "own.key", "-out", "own.csr", "-subj", `/CN=${name}`);
      writeFileSync(join(directory, "extensions"), `subjectAltName=DNS:${name},IP:127.0.0.1\n`);
      const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
      openssl(
        "x509",
        "-req",
        "-in",
        "own.csr",
        ...signed,
        "-extfile",
        "extensions",
        "-out",
        "own.pem",
      );
      return { ca: read("ca.pem"), certificate: read("own.pem"), key: read("own.key") };
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
