const { existsSync } = require("node:fs");
const { chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { Sandbox } = require("../../..");
const { ROOT } = require("../child.js");
const { until } = require("../outcome.js");
const { checkJson, checkWorkflow } = require("./data.js");
const { holdAgainst } = require("./output.js");
const { runJavaScript } = require("./programs.js");
const { replay, runShell } = require("./shell.js");
const { STAND_INS } = require("./stand-ins.js");
const { runTypeScript } = require("./types.js");

const STAND_INS_FILE = path.join(__dirname, "stand-ins.js");
const LINKED = ["express", "jest", "typescript", "vitest", "ws"];

/** A page's blocks in use, one after the other, in a folder that they share. */
class Page {
  #engine;
  #temporary;
  #printed = "";
  #files = [];
  #context;

  /** `name` is what errors call it; the engine is that of the test. */
  static async open(name, engine) {
    const page = new Page();
    page.#engine = engine;
    page.#temporary = await mkdtemp(path.join(os.tmpdir(), "sandbar-docs-"));
    const folder = path.join(page.#temporary, "project");
    const bin = path.join(page.#temporary, "bin");
    const modules = path.join(folder, "node_modules");
    const home = path.join(page.#temporary, "home");
    for (const made of [
      bin,
      path.join(modules, "@sandbar"),
      path.join(modules, ".bin"),
      path.join(home, ".local/share"),
    ]) {
      await mkdir(made, { recursive: true });
    }
    for (const command of Object.keys(STAND_INS)) await addCommand(path.join(bin, command), command);
    await addCommand(path.join(modules, ".bin", "sandbar"), "sandbar");
    await mkdir(path.join(folder, "target/release"), { recursive: true });
    await addCommand(path.join(folder, "target/release/sandbar"), "sandbar");
    await symlink(path.join(ROOT, "examples"), path.join(folder, "examples"));
    await symlink(ROOT, path.join(modules, "sandbar"));
    // A copy, which finds `sandbar` as an installed one does.
    await cp(path.join(ROOT, "packages/local"), path.join(modules, "@sandbar/local"), { recursive: true });
    for (const linked of LINKED) {
      const target = path.join(ROOT, "node_modules", linked);
      if (existsSync(target)) await symlink(target, path.join(modules, linked));
    }
    for (const command of ["jest", "vitest", "tsc"]) {
      await symlink(path.join(ROOT, "node_modules/.bin", command), path.join(modules, ".bin", command));
    }
    await mkdir(path.join(engine.dataDir, "templates"), { recursive: true });
    await symlink(engine.dataDir, path.join(home, ".local/share/sandbar"));
    page.#context = { name, folder, env: page.#environment(bin, home) };
    return page;
  }

  #environment(bin, home) {
    const { NODE_OPTIONS: _ours, JEST_WORKER_ID: _jests, ...inherited } = process.env;
    return {
      ...inherited,
      ...this.#engine.environment,
      DOCS_PIDS: path.join(this.#temporary, "pids"),
      DOCS_SERVED: path.join(this.#temporary, "served"),
      HOME: home,
      PATH: `${bin}:${process.env.PATH}`,
      SANDBAR_BINARY: path.resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "release", "sandbar"),
      XDG_DATA_HOME: "",
      npm_config_offline: "true",
      npm_config_update_notifier: "false",
    };
  }

  /** Does with a block what its language asks for. */
  async use(block) {
    const use = USES[block.language];
    if (use === undefined) {
      const known = Object.keys(USES).join(", ");
      throw new Error(`a block in \`${block.language}\` is not tested by anything: its language is one of ${known}`);
    }
    for (const file of this.#files) file.used ||= block.code.includes(file.stem);
    if (block.file !== undefined && block.language !== "toml") return await this.#write(block);
    if (block.language === "text" && block.isOutput) return holdAgainst(block.code, this.#printed);
    this.#printed = (await use(block, this.#context)) ?? "";
  }

  async #write({ file, code }) {
    const place = path.join(this.#context.folder, file);
    await mkdir(path.dirname(place), { recursive: true });
    await writeFile(place, code);
    // A runner finds its configuration and its tests by itself.
    const [stem] = /jest|vitest/.exec(file) ?? (/\.test\./.test(file) ? ["npx "] : [path.basename(file)]);
    this.#files.push({ file, stem, used: false });
  }

  /** The files that no later block of the page has used. */
  get unusedFiles() {
    return this.#files.filter(({ used }) => !used).map(({ file }) => file);
  }

  async close() {
    const pids = await readFile(this.#context.env.DOCS_PIDS, "utf8").catch(() => "");
    for (const pid of pids.split("\n").filter(Boolean)) {
      if (!(await hasEnded(pid))) process.kill(Number(pid), "SIGTERM");
      await until(() => hasEnded(pid), Boolean);
    }
    for await (const { sandboxId } of Sandbox.list(this.#engine.clientOptions)) {
      await Sandbox.kill(sandboxId, this.#engine.clientOptions);
    }
    await rm(this.#temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Whether a process is gone, or a zombie that nobody has waited for. */
async function hasEnded(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return stat.includes(") Z");
}

async function addCommand(file, name) {
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${STAND_INS_FILE}' ${name} "$@"\n`);
  await chmod(file, 0o755);
}

/** Makes a sandbox of a template. */
async function useTemplate({ code, file }, { env }) {
  if (!/^templates\/tpl-[\w-]+\.toml$/.test(file ?? ""))
    throw new Error("its first line is `# templates/tpl-NAME.toml`");
  await writeFile(path.join(env.HOME, ".local/share/sandbar", file), code);
  const options = { baseUrl: env.SEACLOUD_BASE_URL, apiKey: env.SEACLOUD_API_KEY, waitReady: true };
  await Sandbox.with(path.basename(file, ".toml"), options, () => {});
}

/** Complains about code in disguise. */
function checkText({ code }) {
  if (/^\$ /m.test(code)) throw new Error("what is typed and what comes of it is a block in `console`");
}

/** What is done with a block in each language; `text` is no code. */
const USES = {
  js: runJavaScript,
  mjs: runJavaScript,
  ts: runTypeScript,
  sh: runShell,
  console: replay,
  json: checkJson,
  yaml: checkWorkflow,
  toml: useTemplate,
  text: checkText,
};

module.exports = { Page };
