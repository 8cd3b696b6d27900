// What the headers of a native file say: format, processor, C library and the symbol versions that it needs.

const ELF_MACHINES = new Map([
  [62, "x64"],
  [183, "arm64"],
]);
const PE_MACHINES = new Map([
  [0x8664, "x64"],
  [0xaa64, "arm64"],
]);
const MACH_CPUS = new Map([
  [0x01000007, "x64"],
  [0x0100000c, "arm64"],
]);
const [DYNAMIC, VERSION_NEEDS] = [6, 0x6ffffffe];
const NEEDED = 1n;

/**
 * Reads a file's headers.
 *
 * @param {Buffer} bytes
 * @returns {{format: "elf" | "mach-o" | "pe" | "unknown", os?: string, cpu?: string, libraries: string[], versions: string[]}}
 * `libraries` and `versions` are what an ELF file needs, as `libc.so.6` and `GLIBC_2.28`; a static one needs none.
 */
export function readBinary(bytes) {
  try {
    return read(bytes);
  } catch (error) {
    // Headers that lead out of the file.
    if (error instanceof RangeError) return { format: "unknown", libraries: [], versions: [] };
    throw error;
  }
}

function read(bytes) {
  const none = { libraries: [], versions: [] };
  const magic = bytes.readUInt32BE(0);
  if (magic === 0x7f454c46) return readElf(bytes);
  if (magic === 0xcffaedfe)
    return { format: "mach-o", os: "darwin", cpu: MACH_CPUS.get(bytes.readUInt32LE(4)), ...none };
  const pe = magic >>> 16 === 0x4d5a ? bytes.readUInt32LE(0x3c) : undefined;
  if (pe !== undefined && bytes.readUInt32LE(pe) === 0x4550) {
    return { format: "pe", os: "win32", cpu: PE_MACHINES.get(bytes.readUInt16LE(pe + 4)), ...none };
  }
  return { format: "unknown", ...none };
}

/** Whether it is for glibc or musl; undefined for one that needs no C library, or is no ELF file. */
export function libcOf({ libraries, versions }) {
  if (libraries.some((name) => /^(libc\.musl-|ld-musl-)/.test(name))) return "musl";
  if (libraries.includes("libc.so.6") || versions.some((name) => name.startsWith("GLIBC_"))) return "glibc";
  // musl's own name for itself; glibc's has a number.
  return libraries.includes("libc.so") ? "musl" : undefined;
}

/** The glibc versions that it needs and that are newer than `floor`, as `["2.34"]`, oldest first. */
export function newerThan(floor, { versions }) {
  const found = versions.map((name) => /^GLIBC_(\d+\.\d+(?:\.\d+)?)$/.exec(name)?.[1]).filter(Boolean);
  return found.filter((version) => compare(version, floor) > 0).sort(compare);
}

function compare(one, other) {
  const [a, b] = [one, other].map((version) => version.split(".").map(Number));
  return a[0] - b[0] || a[1] - b[1] || (a[2] ?? 0) - (b[2] ?? 0);
}

function readElf(bytes) {
  if (bytes.readUInt16BE(4) !== 0x0201) return { format: "elf", os: "linux", libraries: [], versions: [] };
  const sections = sectionsOf(bytes);
  return {
    format: "elf",
    os: "linux",
    cpu: ELF_MACHINES.get(bytes.readUInt16LE(18)),
    libraries: sections.filter(({ type }) => type === DYNAMIC).flatMap((section) => neededBy(bytes, sections, section)),
    versions: sections
      .filter(({ type }) => type === VERSION_NEEDS)
      .flatMap((section) => versionsIn(bytes, sections, section)),
  };
}

function sectionsOf(bytes) {
  const start = Number(bytes.readBigUInt64LE(40));
  const [size, count] = [bytes.readUInt16LE(58), bytes.readUInt16LE(60)];
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * size;
    return {
      type: bytes.readUInt32LE(at + 4),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      // The section with its names.
      link: bytes.readUInt32LE(at + 40),
    };
  });
}

function neededBy(bytes, sections, { offset, size, link }) {
  const names = [];
  for (let at = offset; at < offset + size; at += 16) {
    if (bytes.readBigInt64LE(at) === NEEDED) names.push(nameAt(bytes, sections[link], bytes.readBigUInt64LE(at + 8)));
  }
  return names;
}

/** Two linked lists in each other: of libraries, and of each library's versions. */
function versionsIn(bytes, sections, { offset, link }) {
  const versions = new Set();
  for (let library = offset, more = true; more; ) {
    let version = library + bytes.readUInt32LE(library + 8);
    for (let left = bytes.readUInt16LE(library + 2); left > 0; left -= 1) {
      versions.add(nameAt(bytes, sections[link], bytes.readUInt32LE(version + 8)));
      version += bytes.readUInt32LE(version + 12);
    }
    const next = bytes.readUInt32LE(library + 12);
    library += next;
    more = next !== 0;
  }
  return [...versions];
}

function nameAt(bytes, { offset }, index) {
  const start = offset + Number(index);
  return bytes.toString("latin1", start, bytes.indexOf(0, start));
}
