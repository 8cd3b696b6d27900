import { closeMessage, message } from "../state/messages.ts";
import { Icon } from "./icons.tsx";
import { Prose } from "./prose.tsx";

/** What the last action came to. */
export function Messages() {
  const told = message.value;
  return (
    <div class="messages">
      <div role="status">{told && !told.failed && <p class="message">{told.text}</p>}</div>
      <div role="alert">
        {told?.failed && (
          <p class="message is-failure">
            <span>
              <Prose text={told.text} />
            </span>
            <button type="button" class="button is-quiet is-icon" aria-label="Close the message" onClick={closeMessage}>
              <Icon name="close" />
            </button>
          </p>
        )}
      </div>
    </div>
  );
}
