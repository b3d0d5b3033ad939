/** One row of a drawing. */
export interface SvgRow {
  readonly height: number;
  /** What is drawn, with `y` as the row's upper edge. */
  readonly draw: (y: number) => string;
}

/** A drawing of rows under a head. */
export interface SvgDrawing {
  readonly width: number;
  /** What it shows, in words, for those who cannot see it. */
  readonly label: string;
  readonly className: string;
  readonly head: SvgRow;
  readonly rows: readonly SvgRow[];
  /** What runs down behind all rows, from `y` over `height`. */
  readonly behind: (y: number, height: number) => string;
}

/** A page of A4 holds at least so many units of a drawing. */
const MAX_HEIGHT = 420;

/**
 * A drawing as several pictures that join without a seam: a printer breaks pages between pictures, and would cut one that is taller than a page
 * through the middle of a line.
 */
export function stackedSvg({ width, label, className, head, rows, behind }: SvgDrawing): string {
  const pictures: string[] = [];
  let drawn: string[] = [head.draw(0)];
  let top = head.height;
  let height = head.height;
  const end = () => {
    const titled = pictures.length === 0 ? `role="img" aria-label="${label}"` : 'aria-hidden="true"';
    const lines = height > top ? behind(top, height - top) : "";
    pictures.push(
      `<svg class="${className}" viewBox="0 0 ${width} ${height}" ${titled}>${lines}${drawn.join("")}</svg>`,
    );
    drawn = [];
    top = 0;
    height = 0;
  };
  for (const row of rows) {
    if (height > 0 && height + row.height > MAX_HEIGHT) end();
    drawn.push(row.draw(height));
    height += row.height;
  }
  end();
  return pictures.join("\n");
}

/** A coordinate, to a tenth of a unit. */
export function coordinate(value: number): string {
  return String(Math.round(value * 10) / 10);
}
