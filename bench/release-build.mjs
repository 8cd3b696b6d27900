// Development builds are many times as slow: nothing is measured with them.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { library, platformName } from "../scripts/platform.mjs";
import { root, target } from "../scripts/tools.mjs";

/** Throws unless the addon beside index.js is the one of `npm run build`: `npm test` puts its own there. */
export function needReleaseBuild() {
  const used = path.join(root, `sandbar.${platformName()}.node`);
  const release = path.join(target, "addon", library);
  if (existsSync(used) && existsSync(release) && readFileSync(used).equals(readFileSync(release))) return;
  throw new Error(`${used} is not a release build: run \`npm run build\``);
}
