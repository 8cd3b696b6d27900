import { fileURLToPath } from "node:url";

/** Adds the engine to the run, and the clean slate to each test file. */
export function sandbarLocal() {
  const file = (name) => fileURLToPath(new URL(name, import.meta.url));
  const test = { globalSetup: [file("./global-setup.mjs")], setupFiles: [file("./each-file.mjs")] };
  return { name: "sandbar-local", config: () => ({ test }) };
}

export default sandbarLocal;
