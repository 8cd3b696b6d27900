const { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const { isMusl } = require("../../lib/libc.js");
const { ROOT, runNode } = require("./child.js");

const LIBC = process.platform === "linux" ? `-${isMusl() ? "musl" : "gnu"}` : "";
/** The name of this machine's addon, as `linux-x64-gnu`. */
const TARGET = `${process.platform}-${process.arch}${LIBC}`;
const ADDON = path.join(ROOT, `sandbar.${TARGET}.node`);

// What loading came to, as JSON.
const REPORT = `
  try {
    require("sandbar");
    console.log(JSON.stringify({ loaded: true }));
  } catch ({ name, code, message, cause }) {
    console.log(JSON.stringify({ name, code, message, cause: cause?.message }));
  }`;

/** An app in a folder of its own, with the JavaScript of `sandbar` installed, and what else a test puts there. */
class Installation {
  static async create() {
    const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "sandbar-test-")));
    const installation = new Installation(folder);
    for (const name of ["index.js", "lib", "package.json"]) {
      await cp(path.join(ROOT, name), installation.path("node_modules/sandbar", name), { recursive: true });
    }
    return installation;
  }

  constructor(folder) {
    this.folder = folder;
  }

  path(...names) {
    return path.join(this.folder, ...names);
  }

  async write(name, content) {
    await mkdir(path.dirname(this.path(name)), { recursive: true });
    await writeFile(this.path(name), content);
  }

  /** Adds the package of a platform, with this as its addon: a file to link to, bytes, or none. */
  async addPackage(target, addon) {
    const folder = `node_modules/@sandbar/${target}`;
    const file = `sandbar.${target}.node`;
    await this.write(`${folder}/package.json`, JSON.stringify({ name: `@sandbar/${target}`, main: file }));
    if (typeof addon === "string") await symlink(addon, this.path(folder, file));
    else if (addon) await this.write(`${folder}/${file}`, addon);
  }

  /** What comes of `require("sandbar")`, after a piece of code. */
  async load(before = "") {
    await this.write("app.js", `${before}\n${REPORT}`);
    return await this.run("app.js");
  }

  async run(script) {
    const { stdout, stderr } = await runNode([this.path(script)]);
    if (stderr !== "") throw new Error(stderr);
    return JSON.parse(stdout);
  }

  async remove() {
    await rm(this.folder, { recursive: true });
  }
}

module.exports = { ADDON, Installation, REPORT, TARGET };
