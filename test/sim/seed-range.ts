export interface SeedRange {
  readonly first: number
  readonly last: number
}

/** `500`: the first so many. `1000-1999`: a range. @throws on anything else. */
export function parseSeeds(text: string): SeedRange {
  const parts = /^(?:(\d+)-)?(\d+)$/.exec(text)
  const first = Number(parts?.[1] ?? 1)
  const last = Number(parts?.[2])
  if (parts === null || first < 1 || last < first) {
    throw new Error(`SEEDS=${text}: expected a count such as 500, or a range such as 1000-1999`)
  }
  return { first, last }
}
