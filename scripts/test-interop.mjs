// Runs the public service's Python client, unchanged, against a local engine.
import { existsSync } from "node:fs";
import path from "node:path";
import { sandbar } from "./build-dev.mjs";
import { ensureTools } from "./system-packages.mjs";
import { need, root, run } from "./tools.mjs";

const named = process.env.INTEROP_PYTHON;
const python = named ? path.resolve(root, named) : "python3";
need(
  python,
  ["-c", "import sandbox.facade"],
  "Install the client: `python3 -m venv .venv && .venv/bin/pip install seacloud-sandbox`, then INTEROP_PYTHON=.venv/bin/python.",
);
ensureTools("bwrap");
if (!existsSync(sandbar)) {
  console.error("There is no build of the engine: run `npm run build:dev`.");
  process.exit(1);
}
run(sandbar, ["dev", "--", python, path.join("interop", "python", "client.py"), ...process.argv.slice(2)]);
