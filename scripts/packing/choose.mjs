/**
 * Splits the platforms by whether there are builds for them.
 *
 * @param {import("./platforms.mjs").Platform[]} platforms
 * @param {(platform: import("./platforms.mjs").Platform) => boolean} isBuilt
 * @param {{ all: boolean, machine: string }} needed - All of them, or those of this machine, as `linux-x64-gnu`.
 * @returns {{ packed: import("./platforms.mjs").Platform[], leftOut: string[], missing: string[] }} `missing` has the left out
 * folders without which nothing may be packed.
 */
export function choose(platforms, isBuilt, { all, machine }) {
  const packed = platforms.filter(isBuilt);
  const leftOut = platforms.filter((platform) => !packed.includes(platform)).map(({ folder }) => folder);
  const isNeeded = (folder) => all || folder === machine || folder === `local-${machine}`;
  return { packed, leftOut, missing: leftOut.filter(isNeeded) };
}
