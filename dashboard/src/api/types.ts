// What the engine answers, as far as the page shows it. Only `sandboxID` is certain: any other field may be absent or null.

/** A step of what happened to a sandbox. */
export interface TimelineEvent {
  phase: string;
  status?: string | null;
  timestamp?: string | null;
  message?: string | null;
  durationMs?: number | null;
}

/** Why a sandbox is as it is. */
export interface Diagnostic {
  reason: string;
  message: string;
  recommendation?: string | null;
}

/** A sandbox as the list and the events have it; the detail adds the token and the limits. */
export interface Sandbox {
  sandboxID: string;
  templateID?: string | null;
  state?: string | null;
  status?: string | null;
  startedAt?: string | null;
  endAt?: string | null;
  cpuCount?: number | null;
  memoryMB?: number | null;
  diskSizeMB?: number | null;
  metadata?: Record<string, string> | null;
  lifecycle?: { onTimeout?: string | null } | null;
  timeline?: TimelineEvent[] | null;
  diagnostic?: Diagnostic | null;
  limits?: { level?: string | null; processes?: number | null } | null;
  envdAccessToken?: string | null;
}

/** A line of a sandbox's log. */
export interface LogLine {
  timestamp?: string | null;
  message: string;
  level?: string | null;
  fields?: Record<string, unknown> | null;
}

/** A window of a sandbox's log. */
export interface Logs {
  logs: LogLine[];
  nextCursor?: number | null;
  hasMore?: boolean | null;
}

/** A look at what a sandbox uses; rates of CPU time are in CPUs. */
export interface MetricSnapshot {
  collectedAt?: string | null;
  error?: string | null;
  cpuUserRate?: number | null;
  cpuSystemRate?: number | null;
  memoryAvailableBytes?: number | null;
  memoryUsagePercent?: number | null;
  diskReadBytesPerSecond?: number | null;
  diskWriteBytesPerSecond?: number | null;
  networkRecvBytesPerSecond?: number | null;
  networkSentBytesPerSecond?: number | null;
  taskCurrent?: number | null;
  taskMax?: number | null;
}

/** How one limit stands. */
export interface Limit {
  limit: number;
  used: number;
  remaining: number;
}

/** How the limits stand. */
export interface UsageLimits {
  user?: { limits?: Record<string, Limit> | null } | null;
}

/** How the engine does, and what to do about it. */
export interface Summary {
  status: string;
  availability?: Record<string, { status: string; message?: string | null }> | null;
  checks: { status: string; metric: string; message: string }[];
  actions: { status: string; message: string }[];
}

/** The state of a sandbox in the engine's word, also one that this page does not know. */
export function stateOf(sandbox: Sandbox): string {
  return sandbox.state ?? sandbox.status ?? "unknown";
}
