import { Icon, type IconName } from "./icons.tsx";

const ICONS: Record<string, IconName> = {
  running: "running",
  starting: "starting",
  paused: "paused",
  failed: "failed",
  error: "failed",
  deleted: "deleted",
};

/** A state: a shape, a colour and the engine's word, also for one that is not known here. */
export function StateBadge({ state }: { state: string }) {
  return (
    <span class="state" data-state={state}>
      <Icon name={ICONS[state] ?? "other"} />
      {state}
    </span>
  );
}
