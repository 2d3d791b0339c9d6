import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ProtocolError } from "../../src/errors.ts";
import { ByteBuilder } from "../../src/wire/byte_builder.ts";
import { FrameDecoder, HELLO_FRAME_BYTES_MAX } from "../../src/wire/frame.ts";
import { bytesOf, countingBytes } from "./wire_samples.ts";

/** A frame whose segment has `words` words. */
function frameOf(words: number): Uint8Array {
  const frame = countingBytes(8 + words * 8);
  frame.fill(0, 0, 8);
  new DataView(frame.buffer).setUint32(4, words, true);
  return frame;
}

function drain(decoder: FrameDecoder): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let frame = decoder.next(); frame !== null; frame = decoder.next()) frames.push(frame);
  return frames;
}

/** What the decoder says to these first bytes of a connection. */
function refusal(...first: readonly number[]): string {
  const decoder = new FrameDecoder();
  decoder.push(Uint8Array.from(first));
  try {
    decoder.next();
  } catch (error) {
    assert(error instanceof ProtocolError);
    return error.message;
  }
  return "accepted";
}

test("FrameDecoder hands out a frame inside a chunk as a view of it", () => {
  const chunk = new Uint8Array([...frameOf(2), ...frameOf(3)]);
  const decoder = new FrameDecoder();
  decoder.push(chunk);
  const frames = drain(decoder);
  assert.deepEqual(frames.map((frame) => frame.length), [24, 32]);
  for (const frame of frames) assert.equal(frame.buffer, chunk.buffer);
  assert.equal(decoder.bufferedBytes, 0);
});

test("FrameDecoder finds the same frames however the stream is cut", () => {
  const sizes = fc.array(fc.integer({ min: 2, max: 2000 }), { minLength: 1, maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 });
  fc.assert(
    fc.property(sizes, cuts, fc.boolean(), (words, chunkSizes, drainAtOnce) => {
      const frames = words.map(frameOf);
      const stream = new Uint8Array(frames.flatMap((frame) => [...frame]));
      const decoder = new FrameDecoder();
      const found: Uint8Array[] = [];
      let offset = 0;
      for (let i = 0; offset < stream.length; i += 1) {
        const size = chunkSizes[i % chunkSizes.length]!;
        decoder.push(stream.subarray(offset, offset + size));
        if (drainAtOnce) found.push(...drain(decoder));
        offset += size;
      }
      found.push(...drain(decoder));
      assert.deepEqual(found, frames);
      assert.equal(decoder.bufferedBytes, 0);
    }),
    { numRuns: 60 },
  );
});

test("FrameDecoder assembles a frame that comes byte by byte", () => {
  const frame = frameOf(3000);
  const decoder = new FrameDecoder();
  for (let i = 0; i + 1 < frame.length; i += 1) {
    decoder.push(frame.subarray(i, i + 1));
    assert.equal(decoder.next(), null);
    assert.equal(decoder.bufferedBytes, i + 1);
  }
  decoder.push(frame.subarray(frame.length - 1));
  assert.deepEqual(decoder.next(), frame);
});

test("FrameDecoder says what foreign bytes look like (trap 55)", () => {
  assert.match(refusal(...bytesOf("GET / HTTP/1.1\r\n")), /looks like an HTTP request/);
  assert.match(refusal(...bytesOf("POST /")), /looks like an HTTP request/);
  assert.match(refusal(...bytesOf("HTTP/1.1 400 Bad Request")), /answer of HTTP/);
  assert.match(refusal(0x16, 0x03, 0x01, 0x02, 0x00, 0x01), /looks like TLS/);
  assert.match(refusal(0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46), /looks like TLS/);
  assert.match(refusal(...bytesOf("SSH-2.0-OpenSSH")), /looks like SSH/);
  assert.match(refusal(1, 0, 0, 0, 2, 0, 0, 0), /2 segments: want exactly 1/);
  assert.match(refusal(0xff, 0xff, 0xff, 0xff), /4294967296 segments: want exactly 1/);
});

test("FrameDecoder refuses zeros, and lengths beyond its limit, by the header alone", () => {
  assert.match(refusal(0, 0, 0, 0, 0, 0, 0, 0), /0 words: want at least 2/);
  assert.match(refusal(0, 0, 0, 0, 1, 0, 0, 0), /1 words: want at least 2/);
  assert.match(refusal(0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff), /34359738368 bytes: want at most/);
  assert.match(refusal(0, 0, 0, 0, 0, 0, 0x20, 0), /16777224 bytes: want at most 16777216/);
  assert.equal(refusal(0, 0, 0, 0, 0xff, 0xff, 0x1f, 0), "accepted");
});

test("FrameDecoder takes a lower limit for the first frame, and raises it for the next", () => {
  const decoder = new FrameDecoder();
  decoder.frameBytesMax = HELLO_FRAME_BYTES_MAX;
  decoder.push(new Uint8Array([...frameOf(511), ...frameOf(512)]));
  assert.equal(decoder.next()?.length, 4096);
  decoder.frameBytesMax = 5000;
  assert.equal(decoder.next()?.length, 4104);
  decoder.frameBytesMax = HELLO_FRAME_BYTES_MAX;
  decoder.push(frameOf(512));
  assert.throws(() => decoder.next(), /4104 bytes: want at most 4096/);
});

test("FrameDecoder hands what is behind the last frame to whoever takes over", () => {
  const [first, second] = [frameOf(3), frameOf(4)];
  const stream = new Uint8Array([...first, ...second]);
  const decoder = new FrameDecoder();
  decoder.push(stream.subarray(0, 40));
  decoder.push(stream.subarray(40));
  assert.deepEqual(decoder.next(), first);
  assert.deepEqual(decoder.takeRest(), second);
  assert.equal(decoder.bufferedBytes, 0);
  assert.equal(decoder.next(), null);
});

test("FrameDecoder stays refused after an error", () => {
  const decoder = new FrameDecoder();
  decoder.push(bytesOf("GET / HTTP/1.1"));
  assert.throws(() => decoder.next(), ProtocolError);
  decoder.push(frameOf(2));
  assert.throws(() => decoder.next(), ProtocolError);
});

test("FrameDecoder throws only ProtocolError at garbage and keeps no more than it got", () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 });
  fc.assert(fc.property(chunks, (garbage) => {
    const decoder = new FrameDecoder();
    let pushedBytes = 0;
    try {
      for (const chunk of garbage) {
        decoder.push(chunk);
        pushedBytes += chunk.length;
        drain(decoder);
        assert(decoder.bufferedBytes <= pushedBytes);
      }
    } catch (error) {
      assert(error instanceof ProtocolError, String(error));
    }
  }));
});

test("ByteBuilder never writes to what it handed out", () => {
  const builder = new ByteBuilder(64);
  const taken: { readonly bytes: Uint8Array; readonly copy: Uint8Array }[] = [];
  for (let i = 1; i <= 100; i += 1) {
    builder.append(new Uint8Array(i % 40).fill(i));
    if (i % 3 === 0) {
      const bytes = builder.take();
      taken.push({ bytes, copy: bytes.slice() });
    }
  }
  for (const { bytes, copy } of taken) assert.deepEqual(bytes, copy);
});

test("ByteBuilder reserves zeros and grows beyond its slab", () => {
  const builder = new ByteBuilder(16);
  builder.append(countingBytes(10));
  const offset = builder.reserve(100);
  assert(builder.bytes.subarray(offset, offset + 100).every((byte) => byte === 0));
  builder.bytes[offset + 99] = 9;
  assert.equal(builder.length, 110);
  const bytes = builder.take();
  assert.deepEqual(bytes.subarray(0, 10), countingBytes(10));
  assert.equal(bytes[109], 9);
  assert.equal(builder.length, 0);
  assert.equal(builder.take().length, 0);
});
