import assert from "node:assert/strict";
import { test } from "node:test";
import { checkValue, keyBytes } from "../../src/cli/bytes_text.ts";
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from "../../src/limits.ts";

test("a key or value that is a byte too long is told by its bytes", () => {
  assert.throws(
    () => checkValue(new Uint8Array(VALUE_BYTES_MAX + 1)),
    { message: "Cannot use the value: it has 8388609 bytes, want at most 8388608 (8MiB)" },
  );
  assert.throws(
    () => keyBytes("k".repeat(KEY_BYTES_MAX + 1)),
    { message: "Cannot use the key: it has 65537 bytes, want at most 65536 (64KiB)" },
  );
});
