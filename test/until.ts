/** Looks again whenever the event loop comes round: of what the operating system does between two sockets, or a node in its own time. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}
