/** Which allocations an address belonged to. */
import { type Address, addressBits } from '../../ipam/address.ts'
import type { KeyRange } from '../key-encoding.ts'
import { covers, coversBeyond, namespaceInCover } from '../key-space.ts'
import type { View } from '../view.ts'
import { type Candidates, IndexCandidates, MergedCandidates } from './candidates.ts'

/**
 * An ended allocation lies in the index at each of the aligned blocks that it is made of, so whoever looks for an address looks at
 * every block that could hold it: 33 of them, 129 for IPv6. In the order of allocation.
 */
export function coverCandidates(
  view: View,
  options: {
    readonly name: string
    readonly namespaces: readonly string[]
    readonly address: Address
    readonly after: string | null
    readonly isReverse: boolean
  },
): Candidates {
  const { name, namespaces, address, after, isReverse } = options
  // Places begin behind the namespace, so each has a list of its own.
  const lists = namespaces.map((namespace) => {
    const ranges = rangesAround(namespace, address)
    const placeOffset = ranges[0]?.gte.length ?? 0
    return new IndexCandidates(view, { name, ranges, placeOffset, after, isReverse })
  })
  const [only] = lists
  return lists.length === 1 && only !== undefined ? only : new MergedCandidates(name, lists, { isReverse })
}

/** Also those that have no network any more. One look each. */
export async function coveredNamespaces(view: View): Promise<string[]> {
  const names: string[] = []
  for (;;) {
    const [row] = await view.take({ ...coversBeyond(names.at(-1) ?? null), limit: 1 })
    if (row === undefined) return names
    names.push(namespaceInCover(row[0]))
  }
}

function rangesAround(namespace: string, { family, value }: Address): KeyRange[] {
  const sizes = Array.from({ length: addressBits(family) + 1 }, (_, bits) => bits)
  return sizes.map((bits) => {
    const first = (value >> BigInt(bits)) << BigInt(bits)
    return covers({ namespace, family, first, bits })
  })
}
