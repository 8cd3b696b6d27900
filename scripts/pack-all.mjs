// Packs everything: `npm run pack:all -- --out DIR` puts the tarballs of all packages that there are builds for into DIR. Those of
// this machine have to be there, and for a release those of all; what is left
// out is named.
import { existsSync, mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { platformName } from "./platform.mjs";
import { installDependencies, root, run, target } from "./tools.mjs";

const { values } = parseArgs({
  options: {
    out: { type: "string" },
    // With what is in target/natives, as after builds on several machines.
    "no-build": { type: "boolean", default: false },
    // To be published: what needs a newer glibc than is promised is refused.
    release: { type: "boolean", default: false },
  },
});
if (!values.out) {
  console.error("Where to? `npm run pack:all -- --out DIR`");
  process.exit(2);
}
installDependencies();
// They need the dependencies.
const { choose } = await import("./packing/choose.mjs");
const { inspect } = await import("./packing/inspect.mjs");
const { buildNatives, built } = await import("./packing/natives.mjs");
const { platforms } = await import("./packing/platforms.mjs");
const { stageLocal, stageMain, stagePlatform } = await import("./packing/stage.mjs");

if (!values["no-build"]) buildNatives();

const staged = path.join(target, "packages");
rmSync(staged, { recursive: true, force: true });
const isBuilt = ({ folder, files }) => files.every((file) => existsSync(path.join(built, folder, path.basename(file))));
// What is published comes from several machines.
const needed = { all: values.release && values["no-build"], machine: platformName() };
const { packed, leftOut, missing } = choose(platforms(), isBuilt, needed);
if (missing.length > 0) {
  const place = path.relative(root, built);
  console.error(
    `There are no builds of ${missing.join(", ")} in ${place}: leave out --no-build, or put those of other machines there`,
  );
  process.exit(1);
}
if (leftOut.length > 0) console.error(`Not packed, as they are not built: ${leftOut.join(", ")}`);
for (const platform of packed) {
  const folder = path.join(staged, platform.folder);
  stagePlatform(folder, platform, path.join(built, platform.folder));
  tellOf(inspect(folder, platform.files));
}
await stageMain(path.join(staged, "sandbar"));
stageLocal(path.join(staged, "local"));

// As it was typed: npm runs scripts in the package's folder.
const out = path.resolve(process.env.INIT_CWD ?? root, values.out);
mkdirSync(out, { recursive: true });
// Platforms first: it is the order in which they are published.
const folders = [...packed.map(({ folder }) => folder), "sandbar", "local"];
run("npm", ["pack", "--pack-destination", out, ...folders.map((folder) => path.join(staged, folder))]);

function tellOf({ errors, tooNew }) {
  for (const error of errors) console.error(error);
  for (const warning of tooNew) console.error(values.release ? warning : `${warning}: not to be published`);
  if (errors.length > 0 || (values.release && tooNew.length > 0)) process.exit(1);
}
