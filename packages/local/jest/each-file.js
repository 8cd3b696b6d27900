"use strict";

const { cleanSlate } = require("../lib/clean-slate.js");

// Jest waits for it before it runs the file.
module.exports = () => cleanSlate(process.env.JEST_WORKER_ID);
