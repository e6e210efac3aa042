/** Where in a cluster file a mistake is. */
import { type Document, isMap, isNode, isScalar } from 'yaml'

/** From the top of the file: keys, and places in lists. */
export type Path = readonly PropertyKey[]

/** Where the value at `path` stands, or the key if it is unknown, or what should contain it. */
export function offsetOf(document: Document.Parsed, path: Path): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const key = path[length - 1]
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
      if (isNode(pair?.key) && pair.key.range) return pair.key.range[0]
    }
    const value = document.getIn(path.slice(0, length), true)
    if (isNode(value) && value.range) return value.range[0]
  }
  return 0
}

/** Empty, or what goes in front of what is wrong there. */
export function formatPath(path: Path): string {
  if (path.length === 0) return ''
  const names = path.map((key, i) =>
    typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`,
  )
  return `${names.join('')}: `
}
