const { mkdir, readFile, rm, writeFile } = require("node:fs/promises");
const path = require("node:path");
const { Sandbox } = require("../../..");
const { until } = require("../outcome.js");
const { checkJson, checkWorkflow } = require("./data.js");
const { holdAgainst } = require("./output.js");
const { makePlace } = require("./place.js");
const { runJavaScript } = require("./programs.js");
const { replay, runShell } = require("./shell.js");
const { runTypeScript } = require("./types.js");

/** A page's blocks in use, one after the other, in a folder that they share. */
class Page {
  #engine;
  #place;
  #printed = "";
  #files = [];
  #context;

  /** `name` is what errors call it; the engine is that of the test. */
  static async open(name, engine) {
    const page = new Page();
    page.#engine = engine;
    page.#place = await makePlace(engine);
    page.#context = { name, folder: page.#place.folder, env: page.#place.env };
    return page;
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
    await rm(this.#place.temporary, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Whether a process is gone, or a zombie that nobody has waited for. */
async function hasEnded(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
  return stat.includes(") Z");
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
