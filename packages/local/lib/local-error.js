"use strict";

/** Why there is no engine; `code` tells the kinds apart. */
class LocalError extends Error {
  constructor(code, message) {
    super(message);
    this.code = `SANDBAR_LOCAL_${code}`;
  }
}
Object.defineProperty(LocalError.prototype, "name", { value: "LocalError", configurable: true, writable: true });

module.exports = { LocalError };
