import assert from "node:assert";
import { Sandbox } from "sandbar";

async function main() {
  const answer = await Sandbox.with("base", { waitReady: true }, (sandbox) => sandbox.commands.run("echo bundled"));
  assert.equal(answer.stdout, "bundled\n");
}

main();
