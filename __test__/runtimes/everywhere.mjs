// The same in every runtime, and so without a test runner: each has one of its own.
import assert from "node:assert";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import util from "node:util";
import { Worker } from "node:worker_threads";
import { startLocal } from "@sandbar/local";
import { CommandError, NotFoundError, RequestTimeoutError, Sandbox, SandboxClient, SandboxError } from "sandbar";

const ready = { waitReady: true };
// What `console.log` prints.
const { inspect } = globalThis.Bun ?? globalThis.Deno ?? util;

/** What a promise rejects with. */
async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail("it should have failed");
}

const tests = {
  async "a sandbox lives from create to delete"() {
    const sandbox = await Sandbox.create("base", { ...ready, timeout: 60, metadata: { purpose: "runtimes" } });
    const { sandboxId } = sandbox;
    await sandbox.setTimeout(120);
    const before = sandbox.endAt;
    await sandbox.refresh({ duration: 600 });
    assert(sandbox.endAt > before);
    await sandbox.pause();
    assert.equal(sandbox.state, "paused");
    await sandbox.connect({ timeout: 60 });
    assert.equal((await Sandbox.connect(sandboxId)).state, "running");
    await sandbox.delete();
    assert.equal(await Sandbox.kill(sandboxId), false);
  },

  async "a list is awaited, and iterated"() {
    await Sandbox.with("base", { metadata: { listed: "yes" } }, async ({ sandboxId }) => {
      const listed = [];
      for await (const info of Sandbox.list({ metadata: { listed: "yes" } })) listed.push(info.sandboxId);
      assert.deepEqual(listed, [sandboxId]);
      assert.equal((await Sandbox.list({ metadata: { listed: "yes" } })).length, 1);
    });
  },

  async "files keep text, bytes and streams"() {
    await Sandbox.with("base", ready, async ({ files }) => {
      await files.write("text", "größer");
      assert.equal(await files.read("text"), "größer");
      const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
      await files.write("bytes", bytes);
      assert(Buffer.from(bytes).equals(await files.read("bytes", { format: "bytes" })));
      await files.write("blob", new Blob([bytes]));
      assert.equal((await files.read("blob", { format: "blob" })).size, bytes.length);
      await files.write("streamed", new Blob([bytes]).stream());
      const pieces = [];
      for await (const piece of await files.read("streamed", { format: "stream" })) pieces.push(piece);
      assert(Buffer.concat(pieces).equals(bytes));
    });
  },

  async "a command is waited for, or followed"() {
    await Sandbox.with("base", ready, async ({ commands }) => {
      const { stdout, stderr, exitCode } = await commands.run("echo out; echo err >&2; exit 3");
      assert.deepEqual({ stdout, stderr, exitCode }, { stdout: "out\n", stderr: "err\n", exitCode: 3 });
      const cat = await commands.run("cat", { background: true, stdin: true });
      await cat.sendStdin("typed");
      await cat.closeStdin();
      let said = "";
      for await (const { text } of cat) said += text;
      assert.equal(said, "typed");
      assert.equal((await cat.wait()).exitCode, 0);
    });
  },

  async "an answer of the proxy is a Response"() {
    await Sandbox.with("base", ready, async (sandbox) => {
      const answer = await sandbox.proxy({ port: 9 });
      assert(answer instanceof Response);
      assert.equal(answer.status, 502);
      assert.equal((await answer.json()).code, "unavailable");
    });
  },

  async "errors are instances of their classes, and have their fields and stack"() {
    const missing = await errorOf(Sandbox.getInfo("sb-missing"));
    assert(missing instanceof NotFoundError && missing instanceof SandboxError && missing instanceof Error);
    assert.equal(missing.name, "NotFoundError");
    assert.equal(missing.statusCode, 404);
    assert.match(missing.stack, /everywhere\.mjs/);
    await Sandbox.with("base", ready, async ({ commands }) => {
      const failed = await errorOf(commands.run("exit 7", { check: true }));
      assert(failed instanceof CommandError);
      assert.equal(failed.exitCode, 7);
    });
  },

  async "a call ends by its timeout"() {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const baseUrl = `http://127.0.0.1:${silent.address().port}`;
    const client = new SandboxClient({ baseUrl, apiKey: "key", requestTimeoutMs: 50 });
    assert((await errorOf(client.kill("sb-1"))) instanceof RequestTimeoutError);
    silent.close();
  },

  async "an AbortSignal ends a call with its reason"() {
    await Sandbox.with("base", ready, async ({ commands }) => {
      const controller = new AbortController();
      const reason = new Error("the user went away");
      const run = commands.run("echo started; sleep 600", {
        signal: controller.signal,
        onStdout: () => controller.abort(reason),
      });
      assert.equal(await errorOf(run), reason);
      assert.equal((await errorOf(commands.run("true", { signal: AbortSignal.abort() }))).name, "AbortError");
      assert.equal(
        (await errorOf(commands.run("sleep 600", { signal: AbortSignal.timeout(50) }))).name,
        "TimeoutError",
      );
    });
  },

  async "callbacks are called in the order of what happened"() {
    const phases = [];
    const sandbox = await Sandbox.create("base", { ...ready, onTimeline: ({ phase }) => phases.push(phase) });
    assert(phases.length > 0);
    let said = "";
    await sandbox.commands.run("seq 1 200", {
      onStdout: (text) => {
        said += text;
      },
    });
    assert.equal(said, Array.from({ length: 200 }, (_, index) => `${index + 1}\n`).join(""));
    await sandbox.delete();
  },

  async "a sandbox is printed without its token"() {
    await Sandbox.with("base", ready, async (sandbox) => {
      assert(sandbox.envdAccessToken.length > 0);
      assert(inspect(sandbox).includes(sandbox.sandboxId));
      for (const text of [inspect(sandbox), inspect({ sandbox }), JSON.stringify(sandbox)]) {
        assert(!text.includes(sandbox.envdAccessToken));
      }
    });
  },

  async "import and require give the same classes"() {
    assert.equal(createRequire(import.meta.url)("sandbar").Sandbox, Sandbox);
  },

  async "many calls run at the same time"() {
    const sandboxes = await Sandbox.createMany(4, "base", ready);
    const answers = await Promise.all(sandboxes.map(({ commands }, index) => commands.run(`echo ${index}`)));
    assert.deepEqual(
      answers.map(({ stdout }) => stdout),
      ["0\n", "1\n", "2\n", "3\n"],
    );
    await Promise.all(sandboxes.map((sandbox) => sandbox.delete()));
  },

  async "a worker has sandboxes of its own"() {
    const worker = new Worker(new URL("./thread.mjs", import.meta.url));
    const [answer] = await once(worker, "message");
    assert.equal(answer, "from a worker\n");
    await worker.terminate();
  },

  async "a worker may be terminated in the middle of a call"() {
    const worker = new Worker(new URL("./thread.mjs", import.meta.url), { workerData: "stay" });
    await once(worker, "message");
    await worker.terminate();
    assert.equal(await Sandbox.with("base", () => "still here"), "still here");
  },

  async "startLocal() starts an engine, and stops it"() {
    const engine = await startLocal();
    const client = new SandboxClient({ baseUrl: engine.baseUrl, apiKey: engine.apiKey });
    assert.equal((await client.list()).length, 0);
    await engine.stop();
    assert((await errorOf(client.list({ maxRetries: 0 }))) instanceof SandboxError);
  },

  // The process that runs this has to end.
  async "an engine that nobody stops keeps no process alive"() {
    await startLocal();
  },
};

let failures = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`works: ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED: ${name}\n${error?.stack ?? error}`);
  }
}
process.exitCode = failures > 0 ? 1 : 0;
