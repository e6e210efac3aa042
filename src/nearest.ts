/** "Did you mean": the known name that a misspelt one is closest to. */

/** Longer than any name of ours; hostile input is not compared at all. */
const NAME_CHARS_MAX = 64

/** Null when nothing is close. Case, `-` and `_` do not count, so that `nodeId` finds `node_id`. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (name.length > NAME_CHARS_MAX) return null
  let closest: string | null = null
  let shortest = Number.POSITIVE_INFINITY
  for (const candidate of known) {
    const distance = editDistance(fold(name), fold(candidate))
    if (distance <= Math.floor(candidate.length / 3) && distance < shortest) {
      closest = candidate
      shortest = distance
    }
  }
  return closest
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '')
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let cost = Math.min(replaced, at(previous, j) + 1, at(row, j - 1) + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforePrevious, j - 2) + 1)
      }
      row.push(cost)
    }
    beforePrevious = previous
    previous = row
  }
  return at(previous, b.length)
}

function at(row: readonly number[], i: number): number {
  return row[i] ?? Number.POSITIVE_INFINITY
}
