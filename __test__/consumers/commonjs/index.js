const assert = require("node:assert");
const { Sandbox, SandboxError, ValidationError } = require("sandbar");

async function main() {
  const said = await Sandbox.with("base", { waitReady: true }, async (sandbox) => {
    await sandbox.files.write("greeting", "hello");
    return (await sandbox.commands.run("cat greeting")).stdout;
  });
  assert.equal(said, "hello");
  const refused = await Sandbox.create("").catch((error) => error);
  assert(refused instanceof ValidationError && refused instanceof SandboxError);
  // Bundling must not change a name.
  assert.equal(new refused.constructor("").name, "ValidationError");
  for (const [name, type] of Object.entries(require("sandbar"))) assert.equal(type.name, name);
}

main();
