/** A bug that is planted on purpose: a test suite that does not notice it is the bug ("a check that has never failed proves nothing"). */

/** Where a mutant is looked for. */
export type Hunt =
  /** By the simulator: seed after seed from 1, up to that many. */
  { readonly by: 'simulator'; readonly seedsMax: number } | { readonly by: 'test'; readonly file: string }

export interface Mutant {
  /** What the code does now, as the end of "what if …". Unique. */
  readonly name: string
  /** The rule that it breaks, or the bug of somebody else that it is. */
  readonly source: string
  readonly file: string
  /** Is in the file exactly once. */
  readonly find: string
  readonly replace: string
  readonly caughtBy: Hunt
}

/** Seeds that the simulator gets for a mutant. The slowest catch of all needs a tenth of them, so that chance hides none. */
export const SEEDS_MAX = 500

export const SIMULATOR: Hunt = { by: 'simulator', seedsMax: SEEDS_MAX }

export function testFile(file: string): Hunt {
  return { by: 'test', file }
}

/**
 * The text of the mutant's file with the bug in it.
 *
 * @throws if the list has fallen behind the code, and says what to do.
 */
export function plant({ name, file, find, replace }: Mutant, text: string): string {
  const count = text.split(find).length - 1
  if (count !== 1) {
    throw new Error(
      `mutant "${name}": its text is ${count} times in ${file}, not once; change test/mutants to what the code is now:\n${find}`,
    )
  }
  if (find === replace) throw new Error(`mutant "${name}" changes nothing`)
  // A function: `$` in the replacement means nothing.
  return text.replace(find, () => replace)
}
