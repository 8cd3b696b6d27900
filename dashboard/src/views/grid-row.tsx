import { Component } from "preact";
import { linkTo } from "../state/route.ts";
import type { Row } from "../state/sandbox-table.ts";
import { Age } from "./age.tsx";
import { StateBadge } from "./state-badge.tsx";
import { TimeLeft } from "./time-left.tsx";

interface Props {
  row: Row;
  index: number;
  top: number;
  isActive: boolean;
  isOpen: boolean;
  onPick: (id: string) => void;
}

export function rowId(id: string): string {
  return `row-${id}`;
}

/** A row; drawn again only if it changed. */
export class GridRow extends Component<Props> {
  override shouldComponentUpdate(next: Props): boolean {
    const { row, index, top, isActive, isOpen } = this.props;
    return (
      row !== next.row ||
      index !== next.index ||
      top !== next.top ||
      isActive !== next.isActive ||
      isOpen !== next.isOpen
    );
  }

  override render({ row, index, top, isActive, isOpen, onPick }: Props) {
    const { sandboxID: id, templateID, metadata } = row.sandbox;
    const pairs = Object.entries(metadata ?? {});
    return (
      // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the keys.
      <div
        id={rowId(id)}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={isOpen}
        class={isActive ? "grid-row is-active" : "grid-row"}
        style={{ transform: `translateY(${top}px)` }}
        onClick={(event) => {
          // The link itself opens what it is asked to, also in another tab.
          if (event.metaKey || event.ctrlKey || event.button !== 0) return;
          event.preventDefault();
          onPick(id);
        }}
      >
        <span role="gridcell" class="cell-state">
          <StateBadge state={row.state} />
        </span>
        <span role="gridcell" class="cell-id">
          <a href={linkTo(id)} tabIndex={-1}>
            {id}
          </a>
        </span>
        <span role="gridcell" class="cell-metadata" title={pairs.map((pair) => pair.join("=")).join("\n")}>
          {pairs.map(([key, value]) => (
            <span key={key} class="pair">
              <span class="muted">{key}=</span>
              {value}
            </span>
          ))}
        </span>
        <span role="gridcell" class="cell-template">
          {templateID ?? "–"}
        </span>
        <span role="gridcell" class="cell-left">
          <TimeLeft row={row} />
        </span>
        <span role="gridcell" class="cell-age">
          <Age sinceMs={row.createdMs} />
        </span>
      </div>
    );
  }
}
