import { Sandbox } from "sandbar";

const { stdout } = await Sandbox.with("base", { waitReady: true }, (sandbox) => sandbox.commands.run("echo bundled"));
if (stdout !== "bundled\n") throw new Error(stdout);
