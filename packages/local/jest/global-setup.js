"use strict";

const { startRun } = require("../lib/run.js");

module.exports = startRun;
