/** One request after the other, by many clients: what each kind of load fills in. */

export interface LoadClient {
  /** One operation, with all its retries. @throws if the answer is not what it should be. */
  once(): Promise<void>
  close(): void
}

export interface Workload {
  /** @param index From 0: unique among the clients of this load. */
  open(port: number, index: number): Promise<LoadClient>
  /** Requests that were repeated so far. */
  readonly retries: number
  /** Rows that the acknowledged operations so far have added, less those that they have taken away. */
  readonly rows: number
}
