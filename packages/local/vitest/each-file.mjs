import { threadId } from "node:worker_threads";
import { afterAll } from "vitest";
import slate from "../lib/clean-slate.js";

// Not by VITEST_POOL_ID: workers of different pools may have the same one at the same time.
const worker = `${process.pid}-${threadId}`;
await slate.cleanSlate(worker);
// The worker mostly ends with the file, and nobody has its name then.
afterAll(() => slate.cleanSlate(worker));
