// Builds everything and runs the quickstart example against a local engine that lives as long as the example.
import path from "node:path";
import { needBubblewrap, run, target } from "./tools.mjs";

if (process.platform !== "linux") {
  console.error(
    "The local engine runs on Linux only. Elsewhere, point SEACLOUD_BASE_URL and SEACLOUD_API_KEY at a service.",
  );
  process.exit(1);
}
needBubblewrap();
run(process.execPath, ["scripts/build.mjs"]);
run(path.join(target, "release", "sandbar"), ["dev", "--", process.execPath, "examples/quickstart.mjs"]);
