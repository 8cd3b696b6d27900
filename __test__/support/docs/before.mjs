// Loaded before a program of the documentation: what it may use without importing it, and what the page wants to run first.
import fs from "node:fs/promises";
import sandbar from "sandbar";

Object.assign(globalThis, sandbar);

// Not strict, so that `sandbox = …` makes a global that the program finds.
const AsyncFunction = (async () => {}).constructor;
await new AsyncFunction("fs", process.env.DOCS_BEFORE)(fs);
