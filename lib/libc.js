"use strict";

const { closeSync, openSync, readSync } = require("node:fs");

// Behind its headers, an ELF program has the name of its dynamic linker.
const HEAD = 2048;

/** Which C library a program is linked with; undefined if its head does not tell. */
function libcOf(program) {
  let file;
  try {
    file = openSync(program, "r");
    const head = Buffer.allocUnsafe(HEAD);
    const length = readSync(file, head, 0, HEAD, 0);
    return /\/ld-(musl|linux)-/.exec(head.latin1Slice(0, length))?.[1];
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The version of the running glibc; undefined under another C library, or where Node.js makes no reports. Slow. */
function glibcVersion() {
  const { report } = process;
  if (typeof report?.getReport !== "function") return undefined;
  const { excludeNetwork } = report;
  // Else it looks up the names of the machines that this one is connected with.
  report.excludeNetwork = true;
  const { header } = report.getReport();
  report.excludeNetwork = excludeNetwork;
  return header?.glibcVersionRuntime;
}

/** Whether this process runs on musl: by its own program, as files of the other C library may well lie around. */
function isMusl(program = "/proc/self/exe") {
  const libc = libcOf(program);
  return libc === undefined ? glibcVersion() === undefined : libc === "musl";
}

module.exports = { glibcVersion, isMusl };
