import { useEffect, useRef } from "preact/hooks";
import { signInProblem, takeKey } from "../state/session.ts";
import { Brand } from "./brand.tsx";

/** Asks for the API key. */
export function SignIn() {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  function submit(event: Event) {
    event.preventDefault();
    const key = input.current?.value.trim();
    if (key) takeKey(key);
  }
  const problem = signInProblem.value;
  return (
    <main class="sign-in">
      <form class="card" onSubmit={submit}>
        <Brand />
        <h1>Sign in to this engine</h1>
        <label for="api-key">API key</label>
        <input
          id="api-key"
          ref={input}
          class="input is-mono"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          aria-invalid={problem !== undefined}
          aria-describedby="api-key-hint api-key-problem"
        />
        <p id="api-key-problem" class="problem" role="alert">
          {problem}
        </p>
        <button type="submit" class="button is-primary">
          Sign in
        </button>
        <p id="api-key-hint" class="muted">
          The key that <code>sandbar serve</code> printed, or was given as <code>SANDBAR_API_KEY</code>. It stays in
          this tab and is forgotten when you close it.
        </p>
      </form>
    </main>
  );
}
