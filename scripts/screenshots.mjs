// Makes the images of docs/images anew, of real sandboxes: `npm run screenshots`. Each part makes those of one thing.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { bin, installDependencies, needBubblewrap, root, run } from "./tools.mjs";

const parts = [dashboard];

needBubblewrap();
installDependencies();
for (const part of parts) part();
for (const name of existsSync(images()) ? readdirSync(images()) : []) {
  console.log(`${path.join("docs/images", name)}: ${Math.ceil(statSync(path.join(images(), name)).size / 1000)} kB`);
}

/** The dashboard in Chromium. */
function dashboard() {
  run(bin("playwright"), ["test", "--config", "dashboard/screenshots.config.ts"]);
}

function images() {
  return path.join(root, "docs", "images");
}
