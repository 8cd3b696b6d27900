// Builds what goes into this platform's packages, into target/natives: what a machine of a release does. The addon is put beside
// index.js as well, so that it is the one that tests load.
import { copyFileSync } from "node:fs";
import path from "node:path";
import { buildNatives } from "./packing/natives.mjs";
import { root } from "./tools.mjs";

const addon = buildNatives();
copyFileSync(addon, path.join(root, path.basename(addon)));
