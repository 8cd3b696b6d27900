// Holds the native files of a package against what its package.json promises.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { libcOf, newerThan, readBinary } from "./binary.mjs";

/** The oldest glibc that packages run with. */
export const GLIBC_FLOOR = "2.28";

/**
 * What is wrong with a package's native files; nothing if they may be published.
 *
 * @param {string} folder - The package's folder, with its package.json.
 * @param {string[]} files - Its native files, relative to the folder.
 * @returns {{errors: string[], tooNew: string[]}} `tooNew` has the files that need a newer glibc than is promised: they run, but
 * not everywhere.
 */
export function inspect(folder, files) {
  const manifest = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const found = { errors: [], tooNew: [] };
  for (const file of files) {
    const place = path.join(folder, file);
    const tell = (list, what) => list.push(`${manifest.name}: ${file} ${what}`);
    if (!existsSync(place)) {
      tell(found.errors, "is missing");
      continue;
    }
    const binary = readBinary(readFileSync(place));
    for (const mismatch of mismatches(binary, manifest)) tell(found.errors, mismatch);
    const newer = newerThan(GLIBC_FLOOR, binary);
    if (newer.length > 0)
      tell(found.tooNew, `needs glibc ${newer.at(-1)}, later than ${GLIBC_FLOOR} (${newer.join(", ")})`);
  }
  return found;
}

function mismatches(binary, { os, cpu, libc, main }) {
  if (binary.format === "unknown") return ["is no ELF, Mach-O or PE file"];
  const found = libcOf(binary);
  return [
    !os.includes(binary.os) && `is for ${binary.os}, the package for ${os}`,
    !cpu.includes(binary.cpu) && `is for ${binary.cpu ?? "another processor"}, the package for ${cpu}`,
    // A file of an engine may be static; an addon that names none is one that can't be judged.
    !found && main && libc && `names no C library, the package is for ${libc}`,
    found && !libc?.includes(found) && `is for ${found}, the package for ${libc ?? "no C library of Linux"}`,
  ].filter(Boolean);
}
