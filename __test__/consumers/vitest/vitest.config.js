import { sandbarLocal } from "@sandbar/local/vitest";
import { defineConfig } from "vitest/config";

export default defineConfig({ plugins: [sandbarLocal()], test: { maxWorkers: 2 } });
