const { spawn } = require("node:child_process");
const { once } = require("node:events");
const { existsSync } = require("node:fs");
const { mkdir, mkdtemp, rm, writeFile } = require("node:fs/promises");
const os = require("node:os");
const path = require("node:path");
const readline = require("node:readline");

const API_KEY = "engine-key";
// Which one, jest.config.js says.
const { SANDBAR_BIN } = process.env;

/** A real engine with a data folder of its own. */
class Engine {
  #child;
  #dataDir;
  #printed = "";
  url;

  async start() {
    if (!existsSync(SANDBAR_BIN)) throw new Error(`${SANDBAR_BIN} is missing: run \`npm run build:dev\``);
    this.#dataDir = await mkdtemp(path.join(os.tmpdir(), "sandbar-test-"));
    const args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", this.#dataDir, "--api-key", API_KEY];
    this.#child = spawn(SANDBAR_BIN, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stderr.on("data", (text) => {
      this.#printed += text;
    });
    this.url = await this.#address();
  }

  async #address() {
    for await (const line of readline.createInterface(this.#child.stdout)) {
      const address = /^listening on (http:\S+)$/.exec(line)?.[1];
      if (address) return address;
    }
    throw new Error(`the engine ended before it listened:\n${this.#printed}`);
  }

  async stop() {
    if (this.#child?.exitCode === null) {
      const exit = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await exit;
    }
    await rm(this.#dataDir, { recursive: true, force: true });
  }

  get environment() {
    return { SEACLOUD_BASE_URL: this.url, SEACLOUD_API_KEY: API_KEY };
  }

  get dataDir() {
    return this.#dataDir;
  }

  get clientOptions() {
    return { baseUrl: this.url, apiKey: API_KEY };
  }

  /** Adds a template, whose definition is TOML. */
  async addTemplate(name, definition) {
    const folder = path.join(this.#dataDir, "templates");
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, `${name}.toml`), definition);
  }
}

/** An engine for the tests of a file, which the environment points to. */
function realEngine() {
  const engine = new Engine();
  beforeAll(async () => {
    await engine.start();
    Object.assign(process.env, engine.environment);
  });
  afterAll(() => engine.stop());
  return engine;
}

/** Runs a shell command line inside a sandbox. */
async function runIn(sandbox, cmd) {
  const response = await fetch(`${sandbox.envdUrl}/run`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-access-token": sandbox.envdAccessToken },
    body: JSON.stringify({ cmd }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

module.exports = { Engine, realEngine, runIn };
