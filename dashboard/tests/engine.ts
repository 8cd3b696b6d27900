import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

const ROOT = path.join(import.meta.dirname, "..", "..");
/** The command that is tested. */
export const SANDBAR = path.resolve(ROOT, process.env.SANDBAR_BIN ?? "target/dev/sandbar");

/** What a test needs of a created sandbox. */
export interface Created {
  sandboxID: string;
  state: string;
  envdAccessToken: string;
}

/** The real engine on a free port, with a folder that goes with it. */
export class Engine {
  readonly key = "key-of-the-dashboards-tests";
  readonly #folder = mkdtempSync(path.join(tmpdir(), "sandbar-dashboard-"));
  #process: ChildProcess | undefined;
  #address = "127.0.0.1:0";

  /** Where it listens. */
  get url(): string {
    return `http://${this.#address}`;
  }

  /** The page, with the key. */
  get page(): string {
    return `${this.url}/#key=${this.key}`;
  }

  /** Starts it; again on the address that it had before. */
  async start(): Promise<void> {
    const engine = spawn(
      SANDBAR,
      ["serve", "--listen", this.#address, "--data-dir", this.#folder, "--outlive", "0", "--warm", "base=1"],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, SANDBAR_API_KEY: this.key, SANDBAR_LOG: "error" },
      },
    );
    this.#process = engine;
    for await (const line of createInterface({ input: engine.stdout })) {
      const address = /^listening on http:\/\/(\S+)$/.exec(line)?.[1];
      if (address === undefined) continue;
      this.#address = address;
      engine.stdout.resume();
      return;
    }
    throw new Error(`${SANDBAR} did not start`);
  }

  async stop(): Promise<void> {
    const engine = this.#process;
    this.#process = undefined;
    if (!engine || engine.exitCode !== null) return;
    engine.kill("SIGTERM");
    await once(engine, "exit");
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Writes a template's definition. */
  addTemplate(name: string, definition: string): void {
    mkdirSync(path.join(this.#folder, "templates"), { recursive: true });
    writeFileSync(path.join(this.#folder, "templates", `${name}.toml`), definition);
  }

  /** Runs `sandbar` with these arguments, and gives back what it prints. */
  async command(...args: string[]): Promise<string> {
    const env = { ...process.env, SEACLOUD_BASE_URL: this.url, SEACLOUD_API_KEY: this.key };
    const { stdout } = await promisify(execFile)(SANDBAR, args, { env });
    return stdout.trim();
  }

  /** Creates a sandbox, as any client does. */
  async create(options: Record<string, unknown> = {}): Promise<Created> {
    const body = { templateID: "base", waitReady: true, timeout: 1800, ...options };
    return (await this.call("POST", "/sandboxes", body)) as Created;
  }

  /** Runs a command in a sandbox; does not wait for its end. */
  run(sandbox: Created, cmd: string): void {
    void fetch(`${this.url}/envd/${sandbox.sandboxID}/run`, {
      method: "POST",
      headers: { "X-Access-Token": sandbox.envdAccessToken, "Content-Type": "application/json" },
      body: JSON.stringify({ cmd }),
    }).catch(() => {});
  }

  async call(method: string, route: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1${route}`, {
      method,
      headers: { "X-API-Key": this.key, "Content-Type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${route}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : await response.json();
  }
}
