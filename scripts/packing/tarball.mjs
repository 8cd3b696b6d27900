import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/**
 * Unpacks a package's tarball for the time of a callback.
 *
 * @template Result
 * @param {string} tarball
 * @param {(folder: string) => Result} use - Gets the folder with the package.
 * @returns {Result} What the callback gave back.
 */
export function unpacked(tarball, use) {
  const folder = mkdtempSync(path.join(tmpdir(), "sandbar-tarball-"));
  try {
    execFileSync("tar", ["-xzf", path.resolve(tarball), "-C", folder]);
    return use(path.join(folder, "package"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
