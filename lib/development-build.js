"use strict";

const { existsSync } = require("node:fs");
const path = require("node:path");

/** The addon that `npm run build` put into this clone; undefined if there is none. Packages are made without this file. */
function loadDevelopmentBuild(target) {
  const file = path.join(__dirname, "..", `sandbar.${target}.node`);
  return existsSync(file) ? require(file) : undefined;
}

module.exports = { loadDevelopmentBuild };
