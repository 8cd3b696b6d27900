import type { TimelineEvent } from "../api/types.ts";
import { dateAndTime, duration } from "../format.ts";
import { now } from "../state/clock.ts";
import { type Interval, intervalsOf, type Start, startsOf } from "../timeline.ts";

/** A sandbox's timeline: its states as a strip, the latest start as bars, and all steps as a table. */
export function Timeline({ events, state }: { events: TimelineEvent[]; state: string }) {
  const intervals = intervalsOf(events, now.value);
  const [latest] = startsOf(events, now.value);
  return (
    <section class="section" aria-labelledby="timeline-title">
      <h3 id="timeline-title">Timeline</h3>
      <Life intervals={intervals} isOver={state === "deleted"} />
      {latest && <LatestStart start={latest} />}
      <details class="steps">
        <summary>All steps as a table</summary>
        <StepTable events={events} />
      </details>
    </section>
  );
}

function Life({ intervals, isOver }: { intervals: Interval[]; isOver: boolean }) {
  const first = intervals[0];
  const last = intervals.at(-1);
  if (!first || !last) return null;
  const words = intervals.map(({ state, fromMs, toMs }) => `${state} ${duration(toMs - fromMs)}`);
  return (
    <figure class="life">
      <div class="life-strip" role="img" aria-label={`States so far: ${words.join(", ")}`}>
        {intervals.map(({ state, fromMs, toMs }, index) => (
          <span
            key={fromMs}
            data-state={state}
            style={{ flexGrow: String(Math.max(1, toMs - fromMs)) }}
            title={words[index]}
          />
        ))}
      </div>
      <figcaption>
        <span>{dateAndTime(new Date(first.fromMs).toISOString())}</span>
        <span>
          {last.state} for {duration(last.toMs - last.fromMs)}
        </span>
        <span>{isOver ? dateAndTime(new Date(last.toMs).toISOString()) : "now"}</span>
      </figcaption>
    </figure>
  );
}

function LatestStart({ start }: { start: Start }) {
  const scale = Math.max(...start.steps.map(({ offsetMs, durationMs }) => offsetMs + durationMs), 0.001);
  return (
    <figure class="waterfall" aria-label="Latest start">
      <figcaption>Latest start{start.message && <span class="muted"> · {start.message}</span>}</figcaption>
      <ul>
        {start.steps.map((step, index) => (
          <li key={step.name} class={index === 0 ? "is-whole" : ""} data-status={step.status}>
            <span class="step-name">{step.name}</span>
            <span class="step-track" aria-hidden="true">
              <span
                class="step-bar"
                style={{
                  left: `${(step.offsetMs / scale) * 100}%`,
                  width: `${(step.durationMs / scale) * 100}%`,
                }}
              />
            </span>
            <span class="step-duration">
              {duration(step.durationMs)}
              {step.status !== "completed" && <span class="step-status"> {step.status.replace("_", " ")}</span>}
            </span>
          </li>
        ))}
      </ul>
    </figure>
  );
}

function StepTable({ events }: { events: TimelineEvent[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard.
    <div class="scroll-x" role="region" aria-label="Steps" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Phase</th>
            <th scope="col">Status</th>
            <th scope="col">Began</th>
            <th scope="col" class="is-number">
              Took
            </th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event, index) => (
            <tr key={index} data-status={event.status}>
              <td>{event.phase}</td>
              <td>{event.status?.replace("_", " ") ?? "–"}</td>
              <td>
                <time dateTime={event.timestamp ?? ""}>{dateAndTime(event.timestamp)}</time>
              </td>
              <td class="is-number">{event.durationMs == null ? "" : duration(event.durationMs)}</td>
              <td>{event.message}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
