import assert from "node:assert";
import { startLocal } from "@sandbar/local";
import sandbar, { Sandbox, SandboxClient } from "sandbar";

assert.equal(sandbar.Sandbox, Sandbox);
const sandbox = await Sandbox.create("base", { waitReady: true });
assert.equal((await sandbox.commands.run("echo hello")).stdout, "hello\n");
await sandbox.delete();

const another = await startLocal();
const { baseUrl, apiKey } = another;
const client = new SandboxClient({ baseUrl, apiKey });
await client.create("base", { waitReady: true });
assert.equal((await client.list()).length, 1);
assert.equal((await Sandbox.list()).length, 0);
await another.stop();
await assert.rejects(client.create(), { name: "TransportError" });
