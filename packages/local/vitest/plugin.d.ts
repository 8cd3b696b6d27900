/**
 * A Vitest plugin: one local engine for the run, and no sandboxes at the beginning of each test file.
 *
 * Each worker of Vitest has a project of the engine for itself, so files that run at the same time don't see each other's
 * sandboxes; what a file leaves is deleted before the next one runs in the same worker, and all that is left with the engine at the
 * end of the run.
 *
 * @returns What goes into `plugins`.
 *
 * @example
 * // vitest.config.mjs
 * import { sandbarLocal } from "@sandbar/local/vitest";
 * import { defineConfig } from "vitest/config";
 *
 * export default defineConfig({ plugins: [sandbarLocal()] });
 */
export declare function sandbarLocal(): { name: string; config(): object };
