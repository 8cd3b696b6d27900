"use strict";

const { pipeline } = require("node:stream");
const zlib = require("node:zlib");
const { TransportError } = require("./errors.js");

const DECODERS = {
  gzip: zlib.createGunzip,
  "x-gzip": zlib.createGunzip,
  deflate: zlib.createInflate,
  br: zlib.createBrotliDecompress,
  // Not in every Node.js.
  zstd: zlib.createZstdDecompress,
};

/**
 * The body of an answer as its program meant it, and headers that describe it: `Content-Encoding` is undone, where all its
 * codings are known.
 */
function decoded(source, headers) {
  const codings = codingsOf(headers);
  const isKnown = codings.every((coding) => Object.hasOwn(DECODERS, coding) && DECODERS[coding] !== undefined);
  const isEmpty = headers.some(([name, value]) => name === "content-length" && value === "0");
  if (codings.length === 0 || !isKnown || isEmpty) return { stream: source, headers };
  // The last one was applied last.
  const decoders = codings.reverse().map((coding) => DECODERS[coding]());
  const stream = pipeline([source, ...decoders], () => {});
  const left = headers.filter(([name]) => name !== "content-encoding" && name !== "content-length");
  return { stream, headers: left };
}

/** What is thrown for a failure of a stream: a decoder's own says little. */
function decodingError(error) {
  // Node.js gives a number to the errors of its decoders alone.
  if (typeof error?.errno !== "number") return error;
  const message = `the body of the answer is not what its \`Content-Encoding\` says, or was cut (${error.message})`;
  return new TransportError(message, { kind: "protocol", retryable: false, attempts: 1, cause: error });
}

function codingsOf(headers) {
  const values = headers.filter(([name]) => name === "content-encoding").flatMap(([, value]) => value.split(","));
  return values.map((value) => value.trim().toLowerCase()).filter((coding) => coding !== "" && coding !== "identity");
}

module.exports = { decoded, decodingError };
