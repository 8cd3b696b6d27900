import { useEffect } from "preact/hooks";
import type { MetricSnapshot } from "../api/types.ts";
import { bytes, count, percent } from "../format.ts";
import { historyOf, recordMetrics } from "../state/metric-history.ts";
import { Sparkline } from "./sparkline.tsx";

interface Series {
  name: string;
  value: (look: MetricSnapshot) => number | null;
  text: (value: number) => string;
  /** What the chart shows at least: a small value is drawn small. */
  atLeast: number;
  beside?: (look: MetricSnapshot) => string | undefined;
}

const perSecond = (value: number) => `${bytes(value)}/s`;

const SERIES: Series[] = [
  { name: "CPU", value: (look) => shareOfCpu(look), text: percent, atLeast: 10, beside: () => "of one CPU" },
  {
    name: "Memory",
    value: (look) => look.memoryUsagePercent ?? null,
    text: percent,
    atLeast: 10,
    beside: ({ memoryAvailableBytes: free }) => (free == null ? undefined : `${bytes(free)} free`),
  },
  {
    name: "Processes",
    value: (look) => look.taskCurrent ?? null,
    text: count,
    atLeast: 10,
    beside: ({ taskMax }) => (taskMax == null ? undefined : `of ${count(taskMax)}`),
  },
  {
    name: "Network",
    value: (look) => sum(look.networkRecvBytesPerSecond, look.networkSentBytesPerSecond),
    text: perSecond,
    atLeast: 1024,
    beside: () => "received and sent",
  },
  {
    name: "Disk",
    value: (look) => sum(look.diskReadBytesPerSecond, look.diskWriteBytesPerSecond),
    text: perSecond,
    atLeast: 1024,
    beside: () => "read and written",
  },
];

/** What a running sandbox uses, since it is looked at. */
export function Metrics({ id }: { id: string }) {
  useEffect(() => {
    const stop = new AbortController();
    void recordMetrics(id, stop.signal);
    return () => stop.abort();
  }, [id]);
  const looks = historyOf(id).value;
  // What the service does not measure has no card.
  const known = SERIES.filter(({ value }) => looks.length === 0 || looks.some((look) => value(look) !== null));
  return (
    <section class="section" aria-labelledby="metrics-title">
      <h3 id="metrics-title">
        Metrics <span class="muted">the last 5 minutes at most, since you look</span>
      </h3>
      <div class="metrics">
        {known.map((series) => (
          <Metric key={series.name} series={series} looks={looks} />
        ))}
      </div>
    </section>
  );
}

function Metric({ series, looks }: { series: Series; looks: MetricSnapshot[] }) {
  const values = looks.map(series.value);
  const times = looks.map((look) => Date.parse(look.collectedAt ?? "") / 1000);
  const known = values.filter((value) => value !== null);
  const latest = looks.at(-1);
  const value = latest && series.value(latest);
  const text = value == null ? "–" : series.text(value);
  const most = known.length > 0 ? series.text(Math.max(...known)) : "unknown";
  return (
    <figure class="metric">
      <figcaption>
        <span class="metric-name">{series.name}</span>
        <span class="metric-value">
          <b>{text}</b>
          <span class="metric-beside muted">{latest && series.beside?.(latest)}</span>
        </span>
      </figcaption>
      <Sparkline
        label={`${series.name}: ${text} now, at most ${most}`}
        times={times}
        values={values}
        atLeast={series.atLeast}
      />
    </figure>
  );
}

function shareOfCpu({ cpuUserRate, cpuSystemRate }: MetricSnapshot): number | null {
  const cpus = sum(cpuUserRate, cpuSystemRate);
  return cpus === null ? null : cpus * 100;
}

function sum(a: number | null | undefined, b: number | null | undefined): number | null {
  return a == null && b == null ? null : (a ?? 0) + (b ?? 0);
}
