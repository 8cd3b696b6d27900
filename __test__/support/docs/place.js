const { chmod, cp, mkdir, mkdtemp, symlink, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { ROOT } = require("../child.js");
const { STAND_INS } = require("./stand-ins.js");

const STAND_INS_FILE = path.join(__dirname, "stand-ins.js");
const RUNNERS = ["jest", "vitest"];

/**
 * A folder for the blocks of a page, as a reader's would be: with our packages and the runners of tests in `node_modules`, and a
 * home whose engine is that of the test; and the environment in which they run.
 */
async function makePlace(engine) {
  const temporary = await mkdtemp(path.join(os.tmpdir(), "sandbar-docs-"));
  const [bin, folder, home] = ["bin", "project", "home"].map((name) => path.join(temporary, name));
  await mkdir(bin);
  for (const command of Object.keys(STAND_INS)) await addCommand(path.join(bin, command), command);
  await fillProject(folder);
  await mkdir(path.join(home, ".local/share"), { recursive: true });
  await mkdir(path.join(engine.dataDir, "templates"), { recursive: true });
  await symlink(engine.dataDir, path.join(home, ".local/share/sandbar"));
  return { temporary, folder, env: environment(engine, temporary) };
}

async function fillProject(folder) {
  const modules = path.join(folder, "node_modules");
  await mkdir(path.join(modules, "@sandbar"), { recursive: true });
  await mkdir(path.join(modules, ".bin"));
  await symlink(ROOT, path.join(modules, "sandbar"));
  // A copy, which finds `sandbar` as an installed one does.
  await cp(path.join(ROOT, "packages/local"), path.join(modules, "@sandbar/local"), { recursive: true });
  await addCommand(path.join(modules, ".bin/sandbar"), "sandbar");
  for (const runner of RUNNERS) {
    await symlink(path.join(ROOT, "node_modules", runner), path.join(modules, runner));
    await symlink(path.join(ROOT, "node_modules/.bin", runner), path.join(modules, ".bin", runner));
  }
  // What pages about this repository name.
  await symlink(path.join(ROOT, "examples"), path.join(folder, "examples"));
  await mkdir(path.join(folder, "target/release"), { recursive: true });
  await addCommand(path.join(folder, "target/release/sandbar"), "sandbar");
}

function environment(engine, temporary) {
  const { NODE_OPTIONS: _ours, JEST_WORKER_ID: _jests, ...inherited } = process.env;
  return {
    ...inherited,
    ...engine.environment,
    DOCS_PIDS: path.join(temporary, "pids"),
    DOCS_SERVED: path.join(temporary, "served"),
    HOME: path.join(temporary, "home"),
    PATH: `${path.join(temporary, "bin")}:${process.env.PATH}`,
    SANDBAR_BINARY: process.env.SANDBAR_BIN,
    XDG_DATA_HOME: "",
    npm_config_offline: "true",
    npm_config_update_notifier: "false",
  };
}

async function addCommand(file, name) {
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${STAND_INS_FILE}' ${name} "$@"\n`);
  await chmod(file, 0o755);
}

module.exports = { makePlace };
