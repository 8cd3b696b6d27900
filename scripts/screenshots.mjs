// Makes the images of docs/images anew, of real sandboxes, in Chromium: `npm run screenshots`.
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { bin, installDependencies, needBubblewrap, root, run } from "./tools.mjs";

needBubblewrap();
installDependencies();
run(bin("playwright"), ["test", "--config", "dashboard/screenshots.config.ts"]);
for (const name of existsSync(images()) ? readdirSync(images()) : []) {
  console.log(`${path.join("docs/images", name)}: ${Math.ceil(statSync(path.join(images(), name)).size / 1000)} kB`);
}

function images() {
  return path.join(root, "docs", "images");
}
