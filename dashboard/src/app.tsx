import { useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { keepLooking } from "./state/engine-health.ts";
import { route } from "./state/route.ts";
import { keepUpToDate } from "./state/sandboxes.ts";
import { apiKey } from "./state/session.ts";
import { ConnectionBanner } from "./views/connection-banner.tsx";
import { DeleteDialog } from "./views/delete-dialog.tsx";
import { Detail } from "./views/detail.tsx";
import { Header } from "./views/header.tsx";
import { KeysDialog } from "./views/keys-dialog.tsx";
import { ListPane } from "./views/list-pane.tsx";
import { Messages } from "./views/messages.tsx";
import { Notices } from "./views/notices.tsx";
import { SignIn } from "./views/sign-in.tsx";

/** The page: the sign-in form, or the list and beside it one sandbox. */
export function App() {
  useSignalEffect(() => {
    if (apiKey.value === undefined) return;
    const stop = new AbortController();
    void keepUpToDate(stop.signal);
    void keepLooking(stop.signal);
    return () => stop.abort();
  });
  const { id, tab } = route.value;
  const isSignedIn = apiKey.value !== undefined;
  useEffect(() => {
    document.title = isSignedIn && id !== undefined ? `${id} · Sandbar` : "Sandbar";
  }, [id, isSignedIn]);
  if (!isSignedIn) return <SignIn />;
  return (
    <div class="app">
      <Header />
      <ConnectionBanner />
      <Notices />
      <main class={id === undefined ? "panes" : "panes is-split"}>
        <ListPane />
        {id !== undefined && <Detail key={id} id={id} tab={tab} />}
      </main>
      <Messages />
      <DeleteDialog />
      <KeysDialog />
    </div>
  );
}
