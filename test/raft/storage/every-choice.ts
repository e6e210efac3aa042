/** Every way a few binary choices can go: for tests that want all outcomes of a crash, not some. */

export type Choose = () => boolean

/**
 * Runs `attempt` once for every sequence of answers that it can get.
 *
 * @param attempt The same for the same answers.
 * @returns How many there were.
 */
export async function everyChoice(attempt: (choose: Choose) => Promise<void>): Promise<number> {
  let path: boolean[] = []
  for (let count = 1; ; count++) {
    let asked = 0
    await attempt(() => {
      if (asked === path.length) path.push(false)
      return path[asked++] as boolean
    })
    const last = path.lastIndexOf(false)
    if (last === -1) return count
    path = [...path.slice(0, last), true]
  }
}
