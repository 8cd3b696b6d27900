// Files of a sandbox of the local engine.
import { measureFiles } from "../files.mjs";

export const title = "Files";

export async function run({ files }) {
  return { ...files, ...(await measureFiles(files)) };
}

export function tables({ sizeMib, small, large, peak }) {
  return [
    { caption: `one file of ${sizeMib} MiB`, rows: large },
    { caption: "many small files", rows: small },
    { caption: "memory that both take", rows: peak },
  ];
}
