/**
 * Why the native addon could not be loaded:
 *
 * - `SANDBAR_ADDON_PLATFORM_NOT_SUPPORTED`: there is none for this operating system or processor.
 * - `SANDBAR_ADDON_NODE_TOO_OLD`: Node.js is older than 18.20.
 * - `SANDBAR_ADDON_NOT_INSTALLED`: the package for this platform, an optional dependency, was left out by the install.
 * - `SANDBAR_ADDON_WRONG_LIBC`: only the package for the other C library (glibc, musl) is installed.
 * - `SANDBAR_ADDON_GLIBC_TOO_OLD`: the machine's glibc is older than 2.28.
 * - `SANDBAR_ADDON_BUNDLED`: a bundler has moved `sandbar` away from its addon.
 * - `SANDBAR_ADDON_BROKEN`: its file is there, and does not load.
 * - `SANDBAR_ADDON_VERSION_MISMATCH`: it belongs to another version of `sandbar`.
 */
export type AddonErrorCode =
  | "SANDBAR_ADDON_PLATFORM_NOT_SUPPORTED"
  | "SANDBAR_ADDON_NODE_TOO_OLD"
  | "SANDBAR_ADDON_NOT_INSTALLED"
  | "SANDBAR_ADDON_WRONG_LIBC"
  | "SANDBAR_ADDON_GLIBC_TOO_OLD"
  | "SANDBAR_ADDON_BUNDLED"
  | "SANDBAR_ADDON_BROKEN"
  | "SANDBAR_ADDON_VERSION_MISMATCH";

/**
 * What `require("sandbar")` throws, and `import("sandbar")` rejects with, where the native addon can't be loaded; its message says
 * what to do. It is no class of this package, which is not loaded then: look at `code`.
 *
 * @example
 * try {
 *   const { Sandbox } = await import("sandbar");
 * } catch (error) {
 *   if ((error as AddonError).code === "SANDBAR_ADDON_NOT_INSTALLED") console.error((error as AddonError).message);
 * }
 */
export interface AddonError extends Error {
  /** Always `"AddonError"`. */
  readonly name: "AddonError";
  /** What kind of failure it is. */
  readonly code: AddonErrorCode;
  /** What the loader of Node.js or of the operating system said, if it came to that. */
  readonly cause?: unknown;
}
