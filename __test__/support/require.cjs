const { Sandbox, SandboxError, ValidationError } = require("sandbar");

async function main() {
  const sandbox = await Sandbox.create();
  const error = await Sandbox.create("").catch((reason) => reason);
  const isOurs = error instanceof ValidationError && error instanceof SandboxError && error instanceof Error;
  console.log(`created ${sandbox.sandboxId}, ${error.name} ${isOurs}`);
}

main();
