"use strict";

const { existsSync } = require("node:fs");
const path = require("node:path");

/** Where `npm run build` puts the addon for this target, in a clone. */
function developmentBuildOf(target) {
  return path.join(__dirname, "..", `sandbar.${target}.node`);
}

/** The addon that was built in this clone; undefined if there is none, as in every installed package. */
function loadDevelopmentBuild(target) {
  const file = developmentBuildOf(target);
  return existsSync(file) ? require(file) : undefined;
}

module.exports = { developmentBuildOf, loadDevelopmentBuild };
