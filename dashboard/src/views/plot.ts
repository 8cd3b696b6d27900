import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** What the chart spans at least, so that the first looks are not drawn as if they were minutes. */
const LEAST_SECONDS = 20;

/** Draws a line in the colour of the element's text, from 0 to at least `atLeast`. */
export function drawPlot(element: HTMLElement, data: uPlot.AlignedData, height: number, atLeast: number): uPlot {
  const style = getComputedStyle(element);
  const options: uPlot.Options = {
    width: element.clientWidth,
    height,
    padding: [3, 0, 3, 0],
    cursor: { show: false },
    legend: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - LEAST_SECONDS), last] },
      y: { range: (_, __, max) => [0, Math.max(atLeast, max)] },
    },
    series: [{}, { stroke: style.color, width: 1.5, fill: style.backgroundColor, points: { show: false } }],
  };
  return new uPlot(options, data, element);
}
