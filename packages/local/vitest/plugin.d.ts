/**
 * A Vitest plugin: one local engine for the run, and no sandboxes at the beginning of each test file.
 *
 * Each worker of Vitest has a project of the engine for itself, so files that run at the same time don't see each other's
 * sandboxes; what a file leaves is deleted after its last hook, and the engine with all that is left at the end of the run. Several
 * projects of one run, each with the plugin and a pool of its own, share the engine.
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
