import type { Limit } from "../api/types.ts";
import { count } from "../format.ts";
import { limits, summary } from "../state/engine-health.ts";
import { connection } from "../state/sandboxes.ts";
import { forgetKey } from "../state/session.ts";
import { nextTheme, theme } from "../state/theme.ts";
import { Brand } from "./brand.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { openKeys } from "./keys-dialog.tsx";

const NAMES: Record<string, string> = {
  sandboxes: "Sandboxes",
  activeSandboxes: "Active",
  startsPerMinute: "Starts a minute",
};
const THEME_ICONS: Record<string, IconName> = { system: "system", light: "sun", dark: "moon" };

/** The engine at a glance: whether it is there, and how its limits stand. */
export function Header() {
  return (
    <header class="top">
      <h1>
        <Brand />
      </h1>
      <Health />
      <dl class="meters">
        {Object.entries(NAMES).map(([metric, name]) => {
          const limit = limits.value[metric];
          return limit && <Meter key={metric} name={name} limit={limit} />;
        })}
      </dl>
      <div class="top-buttons">
        <IconButton name="keys" label="Keyboard" onClick={openKeys} />
        <IconButton name={THEME_ICONS[theme.value] ?? "system"} label={`Theme: ${theme.value}`} onClick={nextTheme} />
        <IconButton name="out" label="Sign out" onClick={forgetKey} />
      </div>
    </header>
  );
}

function Health() {
  const state = connection.value;
  const degraded = state === "live" && summary.value !== undefined && summary.value.status !== "ok";
  const word = degraded
    ? summary.value?.status
    : { connecting: "connecting", live: "live", lost: "no connection" }[state];
  return (
    <span class="health" data-health={degraded ? "degraded" : state} role="status">
      <span class="dot" aria-hidden="true" />
      {word}
    </span>
  );
}

function Meter({ name, limit: { used, limit } }: { name: string; limit: Limit }) {
  const share = limit > 0 ? Math.min(1, used / limit) : 0;
  return (
    <div class="meter" data-level={share >= 1 ? "exhausted" : share >= 0.8 ? "warning" : "fine"}>
      <dt>{name}</dt>
      <dd>
        <b>{count(used)}</b> <span class="muted">/ {count(limit)}</span>
        <span class="bar" aria-hidden="true">
          <span style={{ width: `${share * 100}%` }} />
        </span>
      </dd>
    </div>
  );
}

function IconButton({ name, label, onClick }: { name: IconName; label: string; onClick: () => void }) {
  return (
    <button type="button" class="button is-quiet is-icon" aria-label={label} title={label} onClick={onClick}>
      <Icon name={name} />
    </button>
  );
}
