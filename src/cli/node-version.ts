/**
 * The oldest Node.js that the rest is written for. What checks it must itself load and run on older ones:
 * no imports here, and no syntax newer than ES2015.
 */
const NODE_MAJOR_MIN = 20

/** Null if `version` (as in `process.versions.node`) is new enough, else a sentence for people. */
export function complaintAboutNode(version: string): string | null {
  if (Number(version.split('.')[0]) >= NODE_MAJOR_MIN) return null
  return `Node.js ${NODE_MAJOR_MIN} or newer is needed, this is ${version}: see https://nodejs.org/en/download`
}
