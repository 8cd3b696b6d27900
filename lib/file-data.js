"use strict";

const { kindOf, refusal } = require("./arguments.js");

const ACCEPTED =
  "pass a string, a Buffer or another typed array, an ArrayBuffer, a Blob, a stream, or an iterable of strings and bytes";

/** What is handed over at once of data that is there as a whole. */
const CHUNK = 1024 * 1024;

/** Whether data is there as a whole, and not only to come. */
function isWhole(data) {
  return typeof data === "string" || ArrayBuffer.isView(data) || isArrayBuffer(data);
}

/** The bytes of data that is there as a whole, in the same memory where there are any. */
function bytesOf(data) {
  if (typeof data === "string") {
    if (data.isWellFormed?.() === false)
      throw refusal("data", "`data` is text with half a surrogate pair: write it as bytes");
    return Buffer.from(data);
  }
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return Buffer.from(data);
  throw refusal("data", `a chunk of \`data\` must be a string or bytes, got ${kindOf(data)}: ${ACCEPTED}`);
}

/** Data as a source: `next()` gives its chunks as an iterator does, `cancel(reason)` ends it early. */
function sourceOf(data) {
  if (isWhole(data)) return wholeSource(bytesOf(data));
  if (typeof data?.getReader === "function") return webSource(data.getReader());
  if (typeof data?.stream === "function" && typeof data.size === "number") {
    return { size: data.size, ...webSource(data.stream().getReader()) };
  }
  assertWritable(data);
  const iterate = data[Symbol.asyncIterator] ?? data[Symbol.iterator];
  return iteratorSource(iterate.call(data), data);
}

/** Ends data that is not to be read any more. */
function discard(data, reason) {
  if (isWhole(data)) return;
  try {
    sourceOf(data).cancel(reason);
  } catch {
    // It is in other hands.
  }
}

/** Throws unless it is something that can be written; nothing of it is taken. */
function assertWritable(data) {
  if (isWhole(data) || typeof data?.getReader === "function" || typeof data?.stream === "function") return;
  if (typeof (data?.[Symbol.asyncIterator] ?? data?.[Symbol.iterator]) === "function") return;
  throw refusal("data", `\`data\` can't be written, got ${kindOf(data)}: ${ACCEPTED}`);
}

function wholeSource(bytes) {
  let start = 0;
  const next = async () => {
    if (start >= bytes.length) return { done: true };
    const value = bytes.subarray(start, start + CHUNK);
    start += value.length;
    return { done: false, value };
  };
  return { size: bytes.length, next, cancel: () => {} };
}

function webSource(reader) {
  return { next: () => reader.read(), cancel: (reason) => void reader.cancel(reason).catch(() => {}) };
}

function iteratorSource(iterator, data) {
  const cancel = () => {
    // A stream's iterator would wait for the chunk that it has asked for.
    if (typeof data.destroy === "function") data.destroy();
    else Promise.resolve(iterator.return?.()).catch(() => {});
  };
  return { next: async () => await iterator.next(), cancel };
}

function isArrayBuffer(data) {
  // Holds for those of other realms too, where `instanceof` does not.
  const tag = Object.prototype.toString.call(data);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

module.exports = { assertWritable, bytesOf, discard, isWhole, sourceOf };
