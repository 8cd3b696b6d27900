/**
 * A Jest preset: one local engine for the run, and no sandboxes at the beginning of each test file.
 *
 * Use it as `preset: "@sandbar/local/jest"`, or spread it into a configuration of your own. Each worker of Jest has a project of
 * the engine for itself, so files that run at the same time don't see each other's sandboxes; what a file leaves is deleted before
 * the next one runs in the same worker, and all that is left with the engine at the end of the run.
 *
 * @example
 * // jest.config.js
 * module.exports = { preset: "@sandbar/local/jest" };
 *
 * @example
 * // jest.config.js, with a setup file of your own
 * const local = require("@sandbar/local/jest");
 * module.exports = { ...local, setupFiles: [...local.setupFiles, "./setup.js"] };
 */
declare const preset: {
  /** Starts the engine, and sets `SEACLOUD_BASE_URL` and `SEACLOUD_API_KEY` for the run. */
  globalSetup: string;
  /** Stops the engine, and all sandboxes with it. */
  globalTeardown: string;
  /** Gives each test file its clean slate. */
  setupFiles: string[];
};
export = preset;
