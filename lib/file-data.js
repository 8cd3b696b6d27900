"use strict";

const { isWellFormed, kindOf, refusal } = require("./arguments.js");

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
    if (isWellFormed(data)) return Buffer.from(data);
    throw refusal("data", "`data` is text with half a surrogate pair: write it as bytes");
  }
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (isArrayBuffer(data)) return Buffer.from(data);
  throw refusal("data", `a chunk of \`data\` must be a string or bytes, got ${kindOf(data)}: ${ACCEPTED}`);
}

/** Data as a source: `next()` gives its chunks as an iterator does, `cancel(reason)` ends it early. */
function sourceOf(data) {
  assertWritable(data);
  if (isWhole(data)) return wholeSource(bytesOf(data));
  if (isBlob(data)) return { size: data.size, ...webSource(opened("read", () => data.stream().getReader())) };
  if (isWebStream(data)) return webSource(opened("read", () => data.getReader()));
  return iteratorSource(data);
}

/** What data is read by, with this method; it may be in other hands already, or not what it looks like. */
function opened(method, open) {
  let reader;
  try {
    reader = open();
  } catch (cause) {
    throw refusal("data", `\`data\` can't be read: ${cause?.message ?? cause}`, cause);
  }
  if (typeof reader?.[method] === "function") return reader;
  throw refusal("data", `\`data\` can't be read, what it is read by is ${kindOf(reader)}: ${ACCEPTED}`);
}

/** Ends data that is not to be read any more. */
function discard(data, reason) {
  if (isWhole(data)) return;
  quietly(() => sourceOf(data).cancel(reason));
}

/** Throws unless it is something that can be written; nothing of it is taken. */
function assertWritable(data) {
  if (isWhole(data) || isBlob(data) || isWebStream(data) || typeof iterateOf(data) === "function") return;
  throw refusal("data", `\`data\` can't be written, got ${kindOf(data)}: ${ACCEPTED}`);
}

function isBlob(data) {
  return typeof data?.stream === "function" && typeof data.size === "number";
}

function isWebStream(data) {
  return typeof data?.getReader === "function";
}

function iterateOf(data) {
  return data?.[Symbol.asyncIterator] ?? data?.[Symbol.iterator];
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
  return { next: () => stepOf(() => reader.read()), cancel: (reason) => quietly(() => reader.cancel(reason)) };
}

function iteratorSource(data) {
  const iterator = opened("next", () => iterateOf(data).call(data));
  const cancel = () => {
    // A stream's iterator would wait for the chunk that it has asked for.
    quietly(() => (typeof data.destroy === "function" ? data.destroy() : iterator.return?.()));
  };
  return { next: () => stepOf(() => iterator.next()), cancel };
}

/** What a source of the user's gives next: its own errors stay as they are. */
async function stepOf(next) {
  const step = await next();
  if (typeof step === "object" && step !== null) return step;
  throw refusal("data", `\`data\` gives no \`{ done, value }\` when it is read, but ${kindOf(step)}: ${ACCEPTED}`);
}

/** Ends what is not wanted any more: whether that goes does not matter. */
async function quietly(end) {
  try {
    await end();
  } catch {
    // It is in the user's hands.
  }
}

function isArrayBuffer(data) {
  // Holds for those of other realms too, where `instanceof` does not.
  const tag = Object.prototype.toString.call(data);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

module.exports = { assertWritable, bytesOf, discard, isWhole, sourceOf };
