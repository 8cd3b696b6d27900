import run from "../lib/run.js";

export const setup = run.startRun;
export const teardown = run.stopRun;
