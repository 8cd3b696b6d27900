// The way from an empty folder to a test that passes, as the README has it.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { root, succeedsIn } from "../tools.mjs";
import { install } from "./project.mjs";

/** Types the README's commands into an empty folder; what it installs comes from tarballs. */
export function readmeWorks(project, packages) {
  const [, commands] = /^## Test with it$.*?^```sh\n(.*?)^```$/ms.exec(
    readFileSync(path.join(root, "README.md"), "utf8"),
  );
  const [before, names, after] = commands.split(/^npm install --save-dev (.+)\n/m);
  mkdirSync(project);
  if (!succeedsIn(project, "sh", ["-ec", before])) return false;
  const manifest = path.join(project, "package.json");
  const devDependencies = Object.fromEntries(names.split(" ").map((name) => [name, "*"]));
  writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, "utf8")), devDependencies }));
  return install(project, packages) && succeedsIn(project, "sh", ["-ec", after]);
}
