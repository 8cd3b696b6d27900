"use strict";

const { closeSync, openSync, readSync } = require("node:fs");

// The ELF header and the program headers, which begin right behind it, of every program that we know.
const HEADERS = 4096;
const PROGRAM_INTERPRETER = 3;

/** The dynamic linker that an ELF program names; undefined if it is a static one, or can't be read. */
function interpreterOf(program) {
  let file;
  try {
    file = openSync(program, "r");
    const bytes = Buffer.alloc(HEADERS);
    readSync(file, bytes, 0, HEADERS, 0);
    // 64-bit and little-endian, as all that we build for.
    if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes.readUInt16BE(4) !== 0x0201) return undefined;
    const [start, size, count] = [Number(bytes.readBigUInt64LE(32)), bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
    for (let at = start; at < start + size * count; at += size) {
      if (bytes.readUInt32LE(at) !== PROGRAM_INTERPRETER) continue;
      const name = Buffer.alloc(Number(bytes.readBigUInt64LE(at + 32)));
      readSync(file, name, 0, name.length, Number(bytes.readBigUInt64LE(at + 8)));
      return name.toString("latin1").replace(/\0.*$/s, "");
    }
    return undefined;
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
  const interpreter = interpreterOf(program);
  return interpreter === undefined ? glibcVersion() === undefined : interpreter.includes("ld-musl-");
}

module.exports = { glibcVersion, interpreterOf, isMusl };
