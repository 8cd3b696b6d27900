// Builds what goes into this platform's packages, into target/natives: what a machine of a release does.
import { buildNatives } from "./packing/natives.mjs";

buildNatives();
