import { render } from "preact";
import { App } from "./app.tsx";
import { startClock } from "./state/clock.ts";
import { startRouting } from "./state/route.ts";
import { restoreKey } from "./state/session.ts";
import { startTheme } from "./state/theme.ts";

restoreKey();
startTheme();
startRouting();
startClock();

const place = document.getElementById("app");
if (place) render(<App />, place);
