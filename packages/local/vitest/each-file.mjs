import slate from "../lib/clean-slate.js";

await slate.cleanSlate(process.env.VITEST_POOL_ID);
