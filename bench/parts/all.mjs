// The parts of a run, in this order.
import * as calls from "./calls.mjs";
import * as commands from "./commands.mjs";
import * as engine from "./engine.mjs";
import * as files from "./files.mjs";
import * as importTime from "./import-time.mjs";
import * as latency from "./latency.mjs";
import * as load from "./load.mjs";
import * as memory from "./memory.mjs";
import * as protocols from "./protocols.mjs";
import * as readiness from "./readiness.mjs";
import * as size from "./size.mjs";

/** By name: `title`, `run(settings)`, which gives back what is kept as JSON, and `tables(result)` of that. */
export const parts = {
  load,
  calls,
  latency,
  protocols,
  memory,
  import: importTime,
  size,
  readiness,
  engine,
  commands,
  files,
};
