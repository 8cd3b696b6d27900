import { expect, test } from "vitest";
import { encodeFrame, FrameParser } from "./frames.ts";

const END = Uint8Array.from([2, 0, 0, 0, 2, 123, 125]);

test("frames are read whole, wherever they are cut", () => {
  const bytes = joined([encodeFrame({ event: { start: { pid: 7 } } }), encodeFrame({ text: "ü–" }), END]);
  for (let size = 1; size <= bytes.length; size++) {
    const parser = new FrameParser();
    const frames = pieces(bytes, size).flatMap((piece) => parser.push(piece));
    expect(frames).toEqual([
      { end: false, message: { event: { start: { pid: 7 } } } },
      { end: false, message: { text: "ü–" } },
      { end: true, message: {} },
    ]);
  }
});

test("a frame longer than 64 KiB is read", () => {
  const text = "x".repeat(70_000);
  const parser = new FrameParser();
  const frames = pieces(encodeFrame({ text }), 16_384).flatMap((piece) => parser.push(piece));
  expect(frames).toEqual([{ end: false, message: { text } }]);
});

function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

function joined(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
