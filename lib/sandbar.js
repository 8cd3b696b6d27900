"use strict";

const { errorFrom: _ours, thrownFor: _alsoOurs, ...errors } = require("./errors.js");
const { Sandbox } = require("./sandbox.js");
const { SandboxClient } = require("./sandbox-client.js");

// What index.js exports. Packages hold all that this needs as one file: fewer are quicker to load.
module.exports = { ...errors, Sandbox, SandboxClient };
