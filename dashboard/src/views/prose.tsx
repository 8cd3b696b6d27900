/** A sentence of the engine, in which `code` is set as code. */
export function Prose({ text }: { text: string }) {
  // Every second part stood between backticks.
  const parts = text.split("`");
  return <>{parts.map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part))}</>;
}
