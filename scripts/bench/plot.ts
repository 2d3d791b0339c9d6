/**
 * Line plots as SVG: small, without anything from outside, legible on light and dark pages.
 *
 * @module
 */

/** How values are placed along an axis. */
export type Scale = "linear" | "log";

/** An axis. */
export interface Axis {
  readonly title: string;
  readonly scale: Scale;
}

/** One line. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** A plot. */
export interface Plot {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const WIDTH = 640;
const HEIGHT = 360;
const LEFT = 72;
const RIGHT = 20;
const TOP = 60;
const BOTTOM = 48;
const LINEAR_TICKS = 5;
const POINT_RADIUS = 3;
const LEGEND_STEP = 190;
/** Colours that people with any kind of colour vision tell apart. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

/** Where the values of one axis go. */
interface Placement {
  readonly ticks: readonly number[];
  readonly place: (value: number) => number;
}

/** The smallest of 1, 2 and 5 times a power of ten that is not below `value`. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)!;
}

function linear(values: readonly number[], from: number, to: number): Placement {
  const step = roundUp(Math.max(...values, Number.MIN_VALUE) / LINEAR_TICKS);
  const count = Math.ceil(Math.max(...values) / step);
  const ticks = Array.from({ length: count + 1 }, (_, position) => position * step);
  return { ticks, place: (value) => from + (to - from) * value / (count * step) };
}

function logarithmic(values: readonly number[], from: number, to: number): Placement {
  const above = values.filter((value) => value > 0);
  const first = Math.floor(Math.log10(Math.min(...above)));
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...above))));
  const ticks = Array.from({ length: last - first + 1 }, (_, position) => 10 ** (first + position));
  return {
    ticks,
    place: (value) => from + (to - from) * (Math.log10(value) - first) / (last - first),
  };
}

function placement(axis: Axis, values: readonly number[], [from, to]: [number, number]): Placement {
  return axis.scale === "log" ? logarithmic(values, from, to) : linear(values, from, to);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** 1200 as `1.2k`. */
function short(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

function text(
  content: string,
  { x, y, anchor = "middle", more = "" }: {
    readonly x: number;
    readonly y: number;
    readonly anchor?: "start" | "middle" | "end";
    readonly more?: string;
  },
): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"${more}>` +
    `${escaped(content)}</text>`;
}

function grid(plot: Plot, x: Placement, y: Placement): string[] {
  const bottom = HEIGHT - BOTTOM;
  const lines = [
    ...y.ticks.map((tick) => {
      const at = y.place(tick).toFixed(1);
      return `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}" class="grid"/>`;
    }),
    ...x.ticks.map((tick) => {
      const at = x.place(tick).toFixed(1);
      return `<line y1="${TOP}" y2="${bottom}" x1="${at}" x2="${at}" class="grid"/>`;
    }),
  ];
  const labels = [
    ...y.ticks.map((tick) =>
      text(short(tick), { x: LEFT - 6, y: y.place(tick) + 4, anchor: "end" })
    ),
    ...x.ticks.map((tick) => text(short(tick), { x: x.place(tick), y: bottom + 16 })),
    text(plot.x.title, { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 10 }),
    text(plot.y.title, {
      x: 16,
      y: (TOP + bottom) / 2,
      more: ` transform="rotate(-90 16 ${(TOP + bottom) / 2})"`,
    }),
  ];
  return [...lines, ...labels];
}

function drawSeries(
  { name, points }: Series,
  { position, x, y }: { readonly position: number; readonly x: Placement; readonly y: Placement },
): string[] {
  const colour = COLOURS[position % COLOURS.length]!;
  const places = points.map((point) => [x.place(point.x).toFixed(1), y.place(point.y).toFixed(1)]);
  const legendX = LEFT + position * LEGEND_STEP;
  return [
    `<polyline points="${places.map((place) => place.join(",")).join(" ")}" fill="none" ` +
    `stroke="${colour}" stroke-width="2"/>`,
    ...places.map(([cx, cy]) =>
      `<circle cx="${cx}" cy="${cy}" r="${POINT_RADIUS}" fill="${colour}"/>`
    ),
    `<rect x="${legendX}" y="34" width="12" height="12" fill="${colour}"/>`,
    text(name, { x: legendX + 18, y: 44, anchor: "start" }),
  ];
}

/** Draws a plot. */
export function drawPlot(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points);
  const x = placement(plot.x, points.map((point) => point.x), [LEFT, WIDTH - RIGHT]);
  const y = placement(plot.y, points.map((point) => point.y), [HEIGHT - BOTTOM, TOP]);
  const series = plot.series.flatMap((one, position) => drawSeries(one, { position, x, y }));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `font-family="sans-serif" font-size="12" fill="#333">`,
    "<style>.grid{stroke:#ddd;stroke-width:1}</style>",
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(plot.title, { x: LEFT, y: 22, anchor: "start", more: ' font-size="15"' }),
    ...grid(plot, x, y),
    ...series,
    "</svg>",
    "",
  ].join("\n");
}
