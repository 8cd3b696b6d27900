"use strict";

const { isObject } = require("./arguments.js");

/** Headers as a plain object; what is neither that nor a `Headers` is left to be refused. */
function headersOf(headers) {
  // Holds for those of other realms too, where `instanceof` does not.
  const isHeaders = Object.prototype.toString.call(headers) === "[object Headers]";
  return isHeaders ? Object.fromEntries(headers) : headers;
}

/** The headers of a client with those of a call, which win whatever their case. */
function mergeHeaders(standard, given) {
  const own = headersOf(given);
  if (!isObject(standard) || !isObject(own)) return own;
  const replaced = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const kept = Object.entries(standard).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...own };
}

module.exports = { headersOf, mergeHeaders };
