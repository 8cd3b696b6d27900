// How figures are written.

/** Three digits that count, as 27,400 or 0.183; a dash where nothing was measured. */
export function number(value) {
  if (!Number.isFinite(value)) return "–";
  const digits = value === 0 ? 0 : 2 - Math.floor(Math.log10(Math.abs(value)));
  const rounded = Number(value.toFixed(Math.min(3, Math.max(0, digits))));
  return rounded.toLocaleString("en", { maximumFractionDigits: 3 });
}

export function times(value) {
  return Number.isFinite(value) ? `${number(value)} ×` : "–";
}

export function percent(value) {
  return Number.isFinite(value) ? `${Math.round(value * 100)} %` : "–";
}
