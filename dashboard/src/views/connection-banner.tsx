import { connection } from "../state/sandboxes.ts";
import { Icon } from "./icons.tsx";

/** Says that what is shown may be old. */
export function ConnectionBanner() {
  return (
    <div role="alert">
      {connection.value === "lost" && (
        <p class="banner">
          <Icon name="warning" />
          <span>
            <b>The engine does not answer.</b> What you see is from before. The page connects again by itself as soon as{" "}
            <code>sandbar serve</code> is back.
          </span>
        </p>
      )}
    </div>
  );
}
