import { CopyButton } from "./copy-button.tsx";

const COMMAND = "sandbar create base --metadata purpose=demo";

const PROGRAM = `import { Sandbox } from "sandbar";

const sandbox = await Sandbox.create("base", {
  timeout: 1800, // seconds
  waitReady: true,
  metadata: { purpose: "demo" },
});`;

/** No sandbox yet: how to make one. */
export function Empty() {
  const settings = `export SEACLOUD_BASE_URL=${location.origin} SEACLOUD_API_KEY=…`;
  return (
    <div class="empty">
      <h2>No sandboxes yet</h2>
      <p class="muted">The first one shows up here by itself, as soon as it is created.</p>
      <Snippet title="In a terminal on the engine’s machine" code={COMMAND} />
      <Snippet title="In Node.js" code={PROGRAM} />
      <Snippet title="Programs find this engine by two variables" code={settings} />
    </div>
  );
}

function Snippet({ title, code }: { title: string; code: string }) {
  return (
    <figure class="snippet">
      <figcaption>{title}</figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard. */}
      <pre tabIndex={0}>
        <code>{code}</code>
      </pre>
      <CopyButton text={code} what="the code" />
    </figure>
  );
}
