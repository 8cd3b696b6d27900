import { isMainThread, Worker } from "node:worker_threads";

if (isMainThread) {
  new Worker(new URL(import.meta.url));
} else {
  process.env.SEACLOUD_API_KEY = "key-of-the-worker";
  await import("./import.mjs");
}
