import type { Diagnostic, Sandbox } from "../api/types.ts";
import { dateAndTime } from "../format.ts";
import type { Row } from "../state/sandbox-table.ts";
import { selection } from "../state/sandboxes.ts";
import { Icon } from "./icons.tsx";
import { Metrics } from "./metrics.tsx";
import { Prose } from "./prose.tsx";
import { Timeline } from "./timeline.tsx";

/** What a sandbox is and has been through. */
export function Overview({ row, limits }: { row: Row; limits: Sandbox["limits"] }) {
  const { sandbox, state } = row;
  const { diagnostic } = sandbox;
  return (
    <>
      {diagnostic && <DiagnosticCard diagnostic={diagnostic} isFailure={state === "failed" || state === "error"} />}
      <Timeline events={sandbox.timeline ?? []} state={state} />
      {state === "running" && <Metrics key={sandbox.sandboxID} id={sandbox.sandboxID} />}
      <Properties sandbox={sandbox} limits={limits} />
    </>
  );
}

function DiagnosticCard({ diagnostic, isFailure }: { diagnostic: Diagnostic; isFailure: boolean }) {
  return (
    <section class={isFailure ? "diagnostic is-failure" : "diagnostic"} aria-labelledby="diagnostic-title">
      <Icon name="warning" />
      <div>
        <h3 id="diagnostic-title">
          <code>{diagnostic.reason}</code>
        </h3>
        <p>
          <Prose text={diagnostic.message} />
        </p>
        {diagnostic.recommendation && (
          <p class="recommendation">
            <b>What to do:</b> <Prose text={diagnostic.recommendation} />
          </p>
        )}
      </div>
    </section>
  );
}

function Properties({ sandbox, limits }: { sandbox: Sandbox; limits: Sandbox["limits"] }) {
  const metadata = Object.entries(sandbox.metadata ?? {});
  const atEnd = sandbox.lifecycle?.onTimeout === "pause" ? "pause" : "delete";
  return (
    <section class="section" aria-labelledby="properties-title">
      <h3 id="properties-title">Properties</h3>
      <dl class="properties">
        <dt>Metadata</dt>
        <dd class="pairs">
          {metadata.length === 0 && <span class="muted">none</span>}
          {metadata.map(([key, value]) => (
            <button
              key={key}
              type="button"
              class="pair"
              title="Search for this"
              onClick={() => searchFor(`${key}=${value}`)}
            >
              <span class="muted">{key}=</span>
              {value}
            </button>
          ))}
        </dd>
        <dt>Created</dt>
        <dd>{dateAndTime(sandbox.startedAt)}</dd>
        <dt>Ends</dt>
        <dd>
          {dateAndTime(sandbox.endAt)} <span class="muted">(then: {atEnd})</span>
        </dd>
        <dt>Resources</dt>
        <dd>
          {sandbox.cpuCount ?? "–"} CPU · {sandbox.memoryMB ?? "–"} MiB memory · {sandbox.diskSizeMB ?? "–"} MiB home
          {limits?.processes != null && <> · {limits.processes} processes</>}
          {limits?.level != null && <span class="muted"> (held by {limits.level})</span>}
        </dd>
      </dl>
    </section>
  );
}

function searchFor(pair: string): void {
  selection.value = { ...selection.value, search: pair, state: undefined };
}
