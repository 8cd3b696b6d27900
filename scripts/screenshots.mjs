// Makes the images of docs/images anew, of real sandboxes, in Chromium: `npm run screenshots`.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { sandbar } from "./build-dev.mjs";
import { ensureTools } from "./system-packages.mjs";
import { browser } from "./system-tools.mjs";
import { bin, installDependencies, root, run } from "./tools.mjs";

ensureTools("bwrap", "chromium");
installDependencies();
run(bin("playwright"), ["test", "--config", "dashboard/screenshots.config.ts"], {
  CHROMIUM_PATH: browser(),
  SANDBAR_BIN: process.env.SANDBAR_BIN || sandbar,
});
for (const name of existsSync(images()) ? readdirSync(images()) : []) {
  console.log(`${path.join("docs/images", name)}: ${Math.ceil(statSync(path.join(images(), name)).size / 1000)} kB`);
}

function images() {
  return path.join(root, "docs", "images");
}
