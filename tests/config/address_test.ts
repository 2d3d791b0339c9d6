import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  isWildcard,
  normalAddress,
  parseAddress,
  parseAddressList,
  parsePeers,
} from "../../src/config/address.ts";

describe("parseAddress", () => {
  it("takes names, IPv4 and bracketed IPv6", () => {
    assert.deepEqual(parseAddress("node-1.example:7238"), { host: "node-1.example", port: 7238 });
    assert.deepEqual(parseAddress("10.0.0.1:1"), { host: "10.0.0.1", port: 1 });
    assert.deepEqual(parseAddress("[fe80::1%eth0]:65535"), { host: "fe80::1%eth0", port: 65535 });
    assert.equal(normalAddress(" [::1]:7238 "), "[::1]:7238");
  });

  it("says what is wrong", () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["localhost", /the port is missing/],
      [":7238", /the host is missing/],
      ["7238", /the host is missing/],
      ["a:70000", /the port is above 65535/],
      ["::1:7238", /an IPv6 address needs brackets/],
      ["[10.0.0.1]:7238", /not an IPv6 address/],
      ["10.0.0:7238", /not an IPv4 address/],
      ["10.0.0.256:7238", /not an IPv4 address/],
      ["a b:7238", /a character that no name has/],
      ["http://a:7238", /needs brackets/],
    ];
    for (const [text, reason] of cases) assert.throws(() => parseAddress(text), reason, text);
  });
});

describe("isWildcard", () => {
  it("knows the addresses that nobody can be reached at", () => {
    assert.deepEqual(
      ["0.0.0.0:1", "[::]:1", "[0:0:0:0:0:0:0:0]:1", "127.0.0.1:1", "[::1]:1"].map(isWildcard),
      [true, true, true, false, false],
    );
  });
});

describe("parseAddressList", () => {
  it("splits at commas and drops duplicates", () => {
    assert.deepEqual(parseAddressList("a:1, b:2,a:1,"), ["a:1", "b:2"]);
  });

  it("refuses an empty list", () => {
    assert.throws(() => parseAddressList(" , "), /empty list/);
  });
});

describe("parsePeers", () => {
  it("sorts by id, as numbers", () => {
    assert.deepEqual(
      parsePeers("10=c:3,2=b:2,1=a:1").map(({ id }) => id),
      [1, 2, 10],
    );
  });

  it("refuses what is not a list of different nodes", () => {
    assert.throws(() => parsePeers("a:1"), /does not begin with an id/);
    assert.throws(() => parsePeers("0=a:1"), /does not begin with an id/);
    assert.throws(() => parsePeers("1=a:1,1=b:1"), /the id 1 is there twice/);
    assert.throws(() => parsePeers("1=a:1,2=a:1"), /the address a:1 is there twice/);
    assert.throws(() => parsePeers("1=a"), /the port is missing/);
  });
});
