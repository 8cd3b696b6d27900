"use strict";

/** Carries the reason of a signal that ended a call: it may be anything, and is thrown as it is. */
class Aborted {
  constructor({ reason }) {
    this.reason = reason;
  }
}

module.exports = { Aborted };
