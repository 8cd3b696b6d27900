"use strict";

const errors = require("./errors.js");
const { Sandbox } = require("./sandbox.js");
const { SandboxClient } = require("./sandbox-client.js");

// What index.js takes its exports from. Packages hold all that this needs as one file, which is quicker to load.
module.exports = { ...errors, Sandbox, SandboxClient };
