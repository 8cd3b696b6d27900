import { Sandbox } from "sandbar";

export const dynamic = "force-dynamic";

export async function GET() {
  const { stdout } = await Sandbox.with("base", { waitReady: true }, (sandbox) => sandbox.commands.run("echo served"));
  return new Response(stdout);
}
