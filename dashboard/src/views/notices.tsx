import { summary } from "../state/engine-health.ts";
import { Icon } from "./icons.tsx";
import { Prose } from "./prose.tsx";

/** What the engine's summary says is wrong or near a limit, and what to do. */
export function Notices() {
  const notices = noticesOf();
  return (
    <div role="status">
      {notices.length > 0 && (
        <ul class="notices">
          {notices.map(({ level, text }) => (
            <li key={text} data-level={level}>
              <Icon name="warning" />
              <span>
                <Prose text={text} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function noticesOf(): { level: string; text: string }[] {
  if (!summary.value) return [];
  const { availability, checks, actions } = summary.value;
  const parts = Object.entries(availability ?? {})
    .filter(([, part]) => part.status !== "available")
    .map(([name, part]) => ({ level: "unavailable", text: `${name}: ${part.message ?? part.status}` }));
  const all = [
    ...parts,
    ...checks.map(({ status, message }) => ({ level: status, text: message })),
    ...actions.map(({ status, message }) => ({ level: status, text: message })),
  ];
  // A check and its action may have the same words.
  return all.filter(({ text }, index) => all.findIndex((other) => other.text === text) === index);
}
