"use strict";

const LOG_LEVELS = ["error", "warn", "info", "debug", "trace"];

/** The options of `startLocal`, checked and with their defaults. */
function checkOptions(options) {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError("options must be an object: pass { dataDir, logLevel }, or nothing");
  }
  const { dataDir, logLevel = "warn", ...unknown } = options;
  const [other] = Object.keys(unknown);
  if (other !== undefined) throw new TypeError(`there is no option \`${other}\`: pass dataDir, logLevel`);
  if (dataDir !== undefined && (typeof dataDir !== "string" || dataDir === "")) {
    throw new TypeError("`dataDir` must be the path of a folder: leave it out for a temporary one");
  }
  if (!LOG_LEVELS.includes(logLevel)) throw new TypeError(`\`logLevel\` must be one of ${LOG_LEVELS.join(", ")}`);
  return { dataDir, logLevel };
}

module.exports = { checkOptions };
