// Many sandboxes at once: all of them or none, and all gone at the end.
import { CreateManyError, Sandbox } from "sandbar";

const metadata = { run: `example-${process.pid}` };

try {
  const sandboxes = await Sandbox.createMany(5, "base", {
    waitReady: true,
    metadata,
    concurrency: 2,
    onProgress: ({ created, total }) => console.log(`${created} of ${total}`),
  });
  console.log(sandboxes.map(({ sandboxId }) => sandboxId).join(" "));
} catch (error) {
  if (!(error instanceof CreateManyError)) throw error;
  console.error(error.message, error.cleanup.failed);
} finally {
  const { deleted, failed } = await Sandbox.deleteAll({ metadata });
  console.log(`deleted ${deleted.length}, failed ${failed.length}`);
}
