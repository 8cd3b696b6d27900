"use strict";

const { isObject } = require("./arguments.js");

/** The headers of a client with those of a call, which win whatever their case; what is no object is left to be refused. */
function mergeHeaders(standard, own) {
  if (!isObject(standard) || !isObject(own)) return own;
  const replaced = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const kept = Object.entries(standard).filter(([name]) => !replaced.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...own };
}

module.exports = { mergeHeaders };
