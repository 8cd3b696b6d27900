"use strict";

const { startLocal } = require("./lib/engine.js");
const { LocalError } = require("./lib/local-error.js");

module.exports = { LocalError, startLocal };
