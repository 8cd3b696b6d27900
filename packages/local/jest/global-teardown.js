"use strict";

const { stopRun } = require("../lib/run.js");

module.exports = stopRun;
