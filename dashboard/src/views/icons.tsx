// Every icon is drawn with the colour of its text, and says nothing to a screen reader: words stand beside it.

const PATHS = {
  running: <circle cx="8" cy="8" r="4.5" fill="currentColor" />,
  starting: (
    <circle cx="8" cy="8" r="4.5" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="17 12" />
  ),
  paused: <path d="M4.500 3.500h2.500v9h-2.500zM9 3.500h2.500v9H9z" fill="currentColor" />,
  failed: <path d="M8 2.500l6 11H2z" fill="currentColor" />,
  deleted: <circle cx="8" cy="8" r="4" fill="none" stroke="currentColor" stroke-width="1.500" />,
  other: <path d="M8 3.500l4.500 4.500L8 12.500 3.500 8z" fill="currentColor" />,
  search: <path d="M7 2.750a4.250 4.250 0 1 1 0 8.500 4.250 4.250 0 0 1 0-8.500m3.200 7.450 3.300 3.300" {...line()} />,
  back: <path d="M10 3 5 8l5 5" {...line()} />,
  close: <path d="m4 4 8 8m0-8-8 8" {...line()} />,
  copy: <path d="M5.500 5.500h7v7h-7zM3.500 10.500v-7h7" {...line()} />,
  done: <path d="m3.500 8.500 3 3 6-7" {...line()} />,
  sun: (
    <path
      d="M8 5.250a2.750 2.750 0 1 1 0 5.500 2.750 2.750 0 0 1 0-5.500M8 1.500v1.500m0 10v1.500M1.500 8h1.500m10 0h1.500M3.400 3.400l1.100 1.100m7 7 1.100 1.100m0-9.200-1.100 1.100m-7 7-1.100 1.100"
      {...line()}
    />
  ),
  moon: <path d="M13 9.500A5.500 5.500 0 0 1 6.500 3a5.500 5.500 0 1 0 6.500 6.500z" {...line()} />,
  system: <path d="M2.500 3.500h11v7h-11zM6 13h4" {...line()} />,
  out: <path d="M6.500 3h-3v10h3M9.500 5l3 3-3 3m3-3H6.500" {...line()} />,
  keys: (
    <path d="M1.750 4.500h12.500v7.500H1.750zM4.500 7h.010M7 7h.010M9.500 7h.010M12 7h.010M5.500 9.500h5" {...line()} />
  ),
  play: <path d="M5 3.500v9l7.500-4.500z" fill="currentColor" />,
  clock: <path d="M8 2.500a5.500 5.500 0 1 1 0 11 5.500 5.500 0 0 1 0-11M8 5v3.200l2 1.300" {...line()} />,
  trash: <path d="M3 4.500h10M6.500 4V2.500h3V4m-5 .5.600 9h5.800l.600-9" {...line()} />,
  warning: <path d="M8 2.500 14 13.500H2zM8 6.500v3m0 2v.010" {...line()} />,
};

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}

function line() {
  return {
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.5",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
  } as const;
}
