import sandbar, { Sandbox, SandboxError, ValidationError } from "sandbar";

const sandbox = await sandbar.Sandbox.create();
const error = await Sandbox.create("").catch((reason) => reason);
const isOurs = error instanceof ValidationError && error instanceof SandboxError && sandbox instanceof Sandbox;
console.log(`created ${sandbox.sandboxId}, ${error.name} ${isOurs}`);
