// The command line in a terminal: what `script` records of it, drawn by xterm.js.
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { type Engine, SANDBAR } from "../tests/engine.ts";
import { expect, test } from "../tests/fixture.ts";

const IMAGES = path.join(import.meta.dirname, "..", "..", "docs", "images");
const XTERM = path.dirname(createRequire(import.meta.url).resolve("@xterm/xterm/package.json"));
const COLUMNS = 108;
const THEME = {
  background: "#0d1117",
  foreground: "#e6edf3",
  green: "#7ee787",
  red: "#ff9a8d",
  yellow: "#e3b341",
  blue: "#79b8ff",
};

test.use({ viewport: { width: 1280, height: 1200 }, deviceScaleFactor: 1.5 });

test("a session", async ({ page, engine }) => {
  engine.addTemplate("tpl-web", 'start_command = "echo server.js: PORT is not set >&2; exit 2"\n');
  const shell = shellOf(engine);
  await engine.command("create", "--metadata", "app=shop", "--timeout", "3600");
  const id = await engine.command("create", "--metadata", "app=agent", "--timeout", "1800");
  const screen = [
    await shell("sandbar create --metadata app=demo"),
    await shell("sandbar ls"),
    await shell(`sandbar exec ${id} -- 'python3 --version; nproc'`),
    await shell("sandbar create tpl-web"),
  ];
  await draw(page, screen.join(""), "cli-session");
});

test("the doctor", async ({ page, engine }) => {
  const shell = shellOf(engine, { PATH: "/nonexistent", SEACLOUD_API_KEY: "not-the-key" });
  await draw(page, await shell(`sandbar doctor --listen ${new URL(engine.url).host}`), "cli-doctor");
});

/** Runs command lines as a person would, with what the terminal shows; the engine is the one that they find. */
function shellOf(engine: Engine, more: Record<string, string> = {}) {
  const { PATH } = process.env;
  const env = {
    HOME: "/home/mia",
    TERM: "xterm-256color",
    SEACLOUD_BASE_URL: engine.url,
    SEACLOUD_API_KEY: engine.key,
  };
  return async (line: string): Promise<string> => {
    const set = Object.entries({ ...env, ...more }).map(([name, value]) => `${name}='${value}'`);
    const command = line.replace(/^sandbar/, `env -i ${set.join(" ")} PATH='${more.PATH ?? PATH}' '${SANDBAR}'`);
    // Its own exit code, which is not 0 where something is wrong, is not asked for.
    const recorded = `stty cols ${COLUMNS} rows 40; ${command}`;
    const { stdout } = await promisify(execFile)("script", ["-qc", recorded, "/dev/null"]);
    // Where an install puts it, and not where this clone lies.
    const shown = stdout.replaceAll(path.dirname(SANDBAR), "/usr/local/bin");
    return `\x1b[1m$ ${line}\x1b[0m\r\n${shown}`;
  };
}

async function draw(page: Page, text: string, name: string): Promise<void> {
  await page.setContent(
    '<body style="margin:0;background:#0d1117"><div id="frame" style="display:inline-block;padding:16px"><div id="terminal"></div></div>',
  );
  await page.addStyleTag({ path: path.join(XTERM, "css", "xterm.css") });
  await page.addScriptTag({ path: path.join(XTERM, "lib", "xterm.js") });
  await page.evaluate(
    async ({ text, theme, columns }) => {
      const { Terminal } = window as unknown as { Terminal: typeof import("@xterm/xterm").Terminal };
      const options = { cols: columns, fontSize: 14, theme, cursorInactiveStyle: "none" as const };
      const terminal = new Terminal({ ...options, rows: 60 });
      terminal.open(document.querySelector("#terminal") as HTMLElement);
      await new Promise<void>((resolve) => terminal.write(text.trimEnd(), resolve));
      terminal.resize(columns, terminal.buffer.active.cursorY + 1);
    },
    { text, theme: THEME, columns: COLUMNS },
  );
  await expect(page.locator(".xterm-rows")).toContainText("sandbar");
  await page.locator("#frame").screenshot({ path: path.join(IMAGES, `${name}.png`) });
}
