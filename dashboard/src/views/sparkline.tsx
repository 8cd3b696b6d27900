import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { isDark } from "../state/theme.ts";

const HEIGHT = 40;

interface Props {
  label: string;
  times: number[];
  values: (number | null)[];
  atLeast: number;
}

/** A small line without axes; its words are beside it and in its label. */
export function Sparkline({ label, times, values, atLeast }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data = useRef<uPlot.AlignedData>([[], []]);
  data.current = [times, values];
  const dark = isDark();

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    let isGone = false;
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    // Charts are loaded when the first is needed.
    void import("./plot.ts").then(({ drawPlot }) => {
      if (isGone) return;
      plot.current = drawPlot(element, data.current, HEIGHT, atLeast);
      observer.observe(element);
    });
    return () => {
      isGone = true;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
    // A canvas takes its colours once: it is drawn anew when the theme changes.
  }, [dark, atLeast]);

  useEffect(() => {
    plot.current?.setData([times, values]);
  }, [times, values]);

  return <div ref={place} class="sparkline" role="img" aria-label={label} />;
}
